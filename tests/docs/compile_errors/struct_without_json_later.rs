//! a handler cannot return `Total`
//! a type that implements `serde::Serialize` is returned as `Json(value)`

use sansocket_app::App;

#[derive(serde::Serialize)]
struct Total {
    sum: i64,
}

async fn add(a: i64, b: i64) -> Result<Total, std::io::Error> {
    Ok(Total { sum: a + b })
}

pub fn app(app: &mut App) {
    app.on("add", add);
}
