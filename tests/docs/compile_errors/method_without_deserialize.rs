//! `Line` cannot be a parameter of a handler
//! derive it for your own type

use sansocket_app::{App, Events, NamespaceClass};

struct Room;

struct Line {
    text: String,
}

impl NamespaceClass for Room {
    fn register(events: &mut Events<'_, Self>) {
        events.on("say", Self::say);
    }
}

impl Room {
    fn say(&self, message: Line) -> String {
        message.text
    }
}

pub fn app(app: &mut App) {
    app.class("/chat", Room);
}
