//! expected a closure that implements the `Fn` trait, but this closure only implements `FnOnce`

use sansocket_app::App;

pub fn app(app: &mut App) {
    let text = "text".to_owned();
    app.on("text", move || text);
}
