//! a handler cannot return `Addition`
//! a type that implements `serde::Serialize` is returned as `Json(value)`

use sansocket_app::App;

#[derive(serde::Serialize)]
struct Addition {
    sum: i64,
}

pub fn app(app: &mut App) {
    app.on("add", |a: i64, b: i64| Addition { sum: a + b });
}
