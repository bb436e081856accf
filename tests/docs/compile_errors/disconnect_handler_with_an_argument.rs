//! `String` cannot be a parameter of a disconnect handler
//! it takes `Socket`, `Reason`, the rooms as `Vec<Arc<str>>`, `Session<T>`, `Io` and `State<T>`

use sansocket_app::{App, Socket};

fn left(_: Socket, _: String) {}

pub fn app(app: &mut App) {
    app.on_disconnect(left);
}
