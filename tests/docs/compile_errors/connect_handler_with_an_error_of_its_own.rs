//! a connect handler or middleware cannot return `Result<(), NoSuchUser>`
//! for an error of another type return `Result<(), BoxError>` and use `?`

use sansocket_app::{App, Socket};

#[derive(Debug, thiserror::Error)]
#[error("no such user")]
struct NoSuchUser;

async fn enter(_: Socket) -> Result<(), NoSuchUser> {
    Err(NoSuchUser)
}

pub fn app(app: &mut App) {
    app.on_connect(enter);
}
