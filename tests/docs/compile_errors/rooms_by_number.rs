//! `u32` names no rooms
//! a room is a string or the id of a client

use sansocket_app::{App, Socket};

pub fn app(app: &mut App) {
    app.on("say", |socket: Socket, room: u32, text: String| socket.to(room).emit("said", &text));
}
