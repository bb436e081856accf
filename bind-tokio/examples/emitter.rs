//! Emits to the clients of a cluster, from a process without any, on tokio.

use examples::emitter;
use std::process::ExitCode;

fn main() -> ExitCode {
    emitter::run(|flush| match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime.block_on(flush),
        Err(_) => flush.wait(),
    })
}
