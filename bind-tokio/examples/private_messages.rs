//! Messages from person to person on tokio: open the printed address in a browser.

mod serve;

use examples::options::Options;
use examples::private_messages;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, sansocket_tokio::Config::default());
    serve::run(&options, private_messages::app)
}
