//! `Guests` is no namespace class
//! but trait `NamespaceClass<sansocket_app::Socket>` is implemented for it

use sansocket_app::test::TestClient;
use sansocket_app::{Events, NamespaceClass};

struct Guests;

impl NamespaceClass for Guests {
    fn register(events: &mut Events<'_, Self>) {
        events.on("ask", Self::ask);
    }
}

impl Guests {
    fn ask(&self) -> u8 {
        1
    }
}

pub fn client(client: &TestClient) {
    client.class(Guests);
}
