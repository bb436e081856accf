//! no method named `disconnect` found for struct `NamespaceIo<R>`

use sansocket_app::{App, Socket};

pub fn app(app: &mut App) {
    app.on("bye", |socket: Socket| socket.nsp().disconnect());
}
