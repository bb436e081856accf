//! {Lobby::say}` cannot be a method that handles something for `Lobby`
//! a plain method takes `&self`, an async one `self: Arc<Self>`, then up to eight parameters

use sansocket_app::{App, Events, NamespaceClass, Socket};

struct Lobby;

impl NamespaceClass for Lobby {
    fn register(events: &mut Events<'_, Self>) {
        events.on("say", Self::say);
    }
}

impl Lobby {
    async fn say(&self, _: Socket) {}
}

pub fn app(app: &mut App) {
    app.class("/chat", Lobby);
}
