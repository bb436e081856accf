//! The contract server on tokio, with another allocator.

#[path = "../../../bind-tokio/examples/serve/mod.rs"]
mod serve;

use examples::contract;
use examples::options::Options;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::io::Result<()> {
    let options = Options::read(5000, contract::config());
    serve::run(&options, |config| contract::app(config, &options.bus))
}
