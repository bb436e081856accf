//! future cannot be sent between threads safely
//! await occurs here, with `kept` maybe used later

use sansocket_app::{App, Socket};
use std::rc::Rc;

async fn work(_: Socket) {
    let kept = Rc::new(1);
    std::future::ready(()).await;
    drop(kept);
}

pub fn app(app: &mut App) {
    app.on("work", work);
}
