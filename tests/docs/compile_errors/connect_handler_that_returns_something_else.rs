//! a connect handler or middleware cannot return `usize`
//! it returns `()`, `bool`, or `Result<(), E>`

use sansocket_app::{App, Socket};

fn enter(socket: Socket) -> usize {
    socket.namespace().len()
}

pub fn app(app: &mut App) {
    app.on_connect(enter);
}
