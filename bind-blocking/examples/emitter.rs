//! Emits to the clients of a cluster, from a process without any, on threads.

use examples::emitter;
use std::process::ExitCode;

fn main() -> ExitCode {
    emitter::run(|flush| flush.wait())
}
