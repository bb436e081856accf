//! `(String, u32)` cannot be the arguments of an event
//! consider borrowing here

use sansocket_app::{App, Socket};

pub fn app(app: &mut App) {
    app.on("say", |socket: Socket, text: String, times: u32| socket.emit("said", (text, times)));
}
