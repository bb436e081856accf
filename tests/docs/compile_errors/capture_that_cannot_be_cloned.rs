//! is not `Clone`
//! each call of an async handler takes a clone of what it captured: put that in an `Arc`

use sansocket_app::App;
use std::sync::Mutex;

pub fn app(app: &mut App) {
    let sum = Mutex::new(0);
    app.on("add", async move |n: i32| {
        *sum.lock().unwrap() += n;
    });
}
