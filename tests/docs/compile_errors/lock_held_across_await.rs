//! future cannot be sent between threads safely
//! await occurs here, with `mut sum` maybe used later

use sansocket_app::{App, State};
use std::sync::Mutex;

pub fn app(app: &mut App) {
    app.on("work", async |sum: State<Mutex<u32>>| {
        let mut sum = sum.lock().unwrap();
        std::future::ready(()).await;
        *sum += 1;
    });
}
