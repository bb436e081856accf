//! `Chat` is no namespace class
//! but trait `NamespaceClass<Socket>` is implemented for it

use sansocket_app::test::TestClient;
use sansocket_app::{Events, NamespaceClass};

struct Chat;

impl NamespaceClass for Chat {
    fn register(events: &mut Events<'_, Self>) {
        events.on("ask", Self::ask);
    }
}

impl Chat {
    fn ask(&self) -> u8 {
        1
    }
}

pub fn client(client: &TestClient) {
    client.class(Chat);
}
