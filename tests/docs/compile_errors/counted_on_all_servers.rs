//! error[E0599]: `Broadcast` is not an iterator

use sansocket_app::{App, Socket};

pub fn app(app: &mut App) {
    app.on("others", |socket: Socket, room: String| socket.to(room).count());
}
