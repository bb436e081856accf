//! Engine.IO alone on smol or async-std: every message comes back.

mod serve;

use examples::engine_echo;
use examples::options::Options;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, engine_echo::config());
    serve::run(&options, engine_echo::app)
}
