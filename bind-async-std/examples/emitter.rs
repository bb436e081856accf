//! Emits to the clients of a cluster, from a process without any, on smol or async-std.

use examples::emitter;
use std::process::ExitCode;

fn main() -> ExitCode {
    emitter::run(async_io::block_on)
}
