//! What an application may say about its handlers, and what follows from it.

mod classes;
mod connect;
mod errors;
mod forms;
mod life;
mod lookup;
mod order;
pub(crate) mod stage;
mod state;
mod values;
mod workers;
