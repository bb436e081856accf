//! {draw}` cannot be a handler
//! not a function of up to eight parameters
//! gather more arguments in one object, in a struct, or take them as `Rest<T>`

use sansocket_app::{App, Socket};

#[allow(clippy::too_many_arguments, reason = "that is the mistake")]
fn draw(_: Socket, _: i8, _: i8, _: i8, _: i8, _: i8, _: i8, _: i8, _: i8) {}

pub fn app(app: &mut App) {
    app.on("draw", draw);
}
