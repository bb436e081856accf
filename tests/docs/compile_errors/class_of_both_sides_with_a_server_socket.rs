//! `sansocket_app::Socket` cannot be a parameter of a handler
//! the trait `Extract<S>` is not implemented for `sansocket_app::Socket`

use sansocket_app::{Events, NamespaceClass, Side, Socket};

struct Room;

impl<S: Side> NamespaceClass<S> for Room {
    fn register(events: &mut Events<'_, Self, S>) {
        events.on("say", Self::say);
    }
}

impl Room {
    fn say(&self, socket: Socket, text: String) {
        let _ = socket.broadcast().emit("said", &text);
    }
}
