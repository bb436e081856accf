//! `EventMessage` cannot be a parameter of a handler
//! `EventMessage` is taken as `(Socket, EventMessage)` or `(Socket, EventMessage, Ack)` only

use sansocket_app::{App, EventMessage};

fn heard(_: String, _: EventMessage) {}

pub fn app(app: &mut App) {
    app.on("heard", heard);
}
