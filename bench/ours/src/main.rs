//! The contract server on tokio, built for production.

#[path = "../../../bind-tokio/examples/serve/mod.rs"]
mod serve;

use examples::contract;
use examples::options::Options;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    let options = Options::read(5000, contract::config());
    serve::run(&options, contract::app)
}
