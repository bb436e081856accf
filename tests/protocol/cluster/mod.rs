//! Processes of a cluster, with a broker between them.

mod broadcasts;
mod process;
mod world;
