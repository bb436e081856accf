//! cannot be a handler
//! `sequential` and `concurrent` are for handlers of events

use sansocket_app::{App, sequential};

pub fn app(app: &mut App) {
    app.on_connect(sequential(async || true));
}
