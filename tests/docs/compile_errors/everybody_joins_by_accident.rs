//! no method named `join` found for struct `Io`

use sansocket_app::{App, Io};

pub fn app(app: &mut App) {
    app.on("enter", |io: Io, room: String| io.join(room));
}
