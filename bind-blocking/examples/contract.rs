//! The contract server on threads.

mod serve;

use examples::contract;
use examples::options::Options;

fn main() -> std::io::Result<()> {
    let options = Options::read(5000, contract::config());
    serve::run(&options, |config| contract::app(config, &options.bus))
}
