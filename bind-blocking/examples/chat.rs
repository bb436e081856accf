//! The chat on threads: open the printed address in a browser.

mod serve;

use examples::chat::Chat;
use examples::options::Options;
use examples::pages;
use sansocket_blocking::{Config, Listener};

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, Config::default());
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    let url = listener.local_addr().to_string();
    let chat = Chat::new(&options.bus);
    let app = |config| chat.app(config, &pages::folder("chat"));
    serve::run_on(listener, &options, app, |io| {
        chat.join(io, &url, sansocket_blocking::open);
        Ok(())
    })
}
