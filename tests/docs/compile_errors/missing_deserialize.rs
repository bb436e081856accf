//! `Message` cannot be a parameter of a handler
//! the type of an argument is `serde::Deserialize`: derive it for your own type

use sansocket_app::{App, Socket};

struct Message {
    text: String,
}

fn say(socket: Socket, message: Message) {
    let _ = socket.broadcast().emit("said", &message.text);
}

pub fn app(app: &mut App) {
    app.on("say", say);
}
