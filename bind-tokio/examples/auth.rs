//! Tokens and roles on tokio: open the printed address in a browser.

mod serve;

use examples::auth;
use examples::options::Options;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, sansocket_tokio::Config::default());
    serve::run(&options, auth::app)
}
