//! `Cell<i32>` cannot be shared between threads safely

use sansocket_app::App;
use std::cell::Cell;

pub fn app(app: &mut App) {
    let sum = Cell::new(0);
    app.on("add", move |n: i32| {
        sum.set(sum.get() + n);
        sum.get()
    });
}
