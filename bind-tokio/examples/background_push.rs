//! Events that no client asked for, on tokio: open the printed address in a browser, then write lines
//! here, which everybody sees.

mod serve;

use examples::background_push;
use examples::options::Options;
use sansocket_tokio::{Config, Listener};
use std::io::{BufReader, stdin};

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, Config::default());
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    serve::run_on(listener, &options, background_push::app, |io| {
        background_push::tick(io);
        // The thread waits for lines until the process ends.
        drop(background_push::announce(io, BufReader::new(stdin())));
        Ok(())
    })
}
