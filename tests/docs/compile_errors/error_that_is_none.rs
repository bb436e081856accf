//! a handler cannot return `Result<(), Busy>`
//! the error of a `Result` is a `std::error::Error` or a text: with `BoxError`, `?` takes any

use sansocket_app::App;

struct Busy;

fn work() -> Result<(), Busy> {
    Err(Busy)
}

pub fn app(app: &mut App) {
    app.on("work", work);
}
