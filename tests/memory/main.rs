//! The heap: budgets per connection and event, and clients that vanish and leave nothing behind.

mod budgets;
mod clients;
mod leaks;
mod million;
mod scale;
