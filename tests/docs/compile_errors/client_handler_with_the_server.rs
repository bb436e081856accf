//! `Io` cannot be a parameter of a handler
//! but trait `Extract<sansocket_app::Socket>` is implemented for it

use sansocket_app::Io;
use sansocket_app::test::TestClient;

fn ask(_: Io) {}

pub fn client(client: &TestClient) {
    client.on("ask", ask);
}
