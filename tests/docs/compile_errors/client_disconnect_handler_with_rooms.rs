//! `Vec<Arc<str>>` cannot be a parameter of a disconnect handler
//! but trait `FromDeparture<sansocket_app::Socket>` is implemented for it

use sansocket_app::test::TestSocket;
use sansocket_app::{Events, NamespaceClass};
use std::sync::Arc;

struct Room;

impl NamespaceClass<TestSocket> for Room {
    fn register(events: &mut Events<'_, Self, TestSocket>) {
        events.on_disconnect(Self::left);
    }
}

impl Room {
    fn left(&self, _: Vec<Arc<str>>) {}
}
