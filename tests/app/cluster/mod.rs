//! Several servers in one cluster, with a broker that is part of the test.

mod asking;
mod emits;
mod events;
mod faults;
mod stage;
mod waiting;
