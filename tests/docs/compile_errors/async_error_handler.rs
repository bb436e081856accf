//! to return `()`, but it returns

use sansocket_app::{App, HandlerError};

pub fn app(app: &mut App) {
    app.on_error(async |error: HandlerError| println!("{error}"));
}
