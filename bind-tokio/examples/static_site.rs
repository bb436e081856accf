//! A website and its REST interface on tokio: open the printed address in a browser.

mod serve;

use examples::options::Options;
use examples::static_site;

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, sansocket_tokio::Config::default());
    serve::run(&options, static_site::app)
}
