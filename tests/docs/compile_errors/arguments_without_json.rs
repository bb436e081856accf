//! `&Position` cannot be the arguments of an event
//! the trait `Serialize` is not implemented for `Position`

use sansocket_app::{App, Socket};

struct Position {
    _x: i64,
}

pub fn app(app: &mut App) {
    app.on("move", |socket: Socket, x: i64| socket.emit("moved", &Position { _x: x }));
}
