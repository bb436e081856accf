//! `&State<u32>` cannot be a parameter of a handler
//! parameters are taken by value: `State<T>` instead of `&State<T>`, `String` instead of `&str`

use sansocket_app::{App, State};

fn count(count: &State<u32>) -> u32 {
    **count
}

pub fn app(app: &mut App) {
    app.on("count", count);
}
