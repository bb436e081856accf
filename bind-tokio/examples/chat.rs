//! The chat on tokio: open the printed address in a browser.

mod serve;

use examples::chat;
use examples::options::Options;
use examples::pages;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, sansocket_tokio::Config::default());
    serve::run(&options, |config| chat::app(config, &pages::folder("chat")))
}
