//! The chat on threads: open the printed address in a browser.

mod serve;

use examples::chat;
use examples::options::Options;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, sansocket_blocking::Config::default());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/chat");
    serve::run(&options, |config| chat::app(config, &page))
}
