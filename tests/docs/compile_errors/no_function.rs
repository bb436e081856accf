//! `i64` cannot be a handler
//! a handler is a function or a closure, plain or `async`, with up to eight parameters

use sansocket_app::App;

fn add(a: i64, b: i64) -> i64 {
    a + b
}

pub fn app(app: &mut App) {
    app.on("add", add(1, 2));
}
