//! the trait bound `Guest: Default` is not satisfied

use sansocket_app::{App, Session};

struct Guest {
    name: String,
}

pub fn app(app: &mut App) {
    app.on("name", |guest: Session<Guest>, name: String| guest.update(|guest| guest.name = name));
}
