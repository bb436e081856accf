//! The chat over https on tokio. `examples/tls/make-certificate` makes a certificate for it; SIGHUP
//! reads a renewed one, and nobody is disconnected.

mod serve;

use examples::options::Options;
use examples::{chat, pages};
use sansocket_tokio::{Config, Listener, Tls};
use std::io;

fn main() -> io::Result<()> {
    let options = Options::read(3443, Config::default());
    let (certificate, key) = &options.tls;
    let tls = Tls::from_pem_files(certificate, key).map_err(io::Error::other)?;
    let listener = Listener::tcp((options.host.as_str(), options.port))?.tls(tls.clone());
    let page = pages::folder("chat");
    serve::run_on(listener, &options, |config| chat::app(config, &page), |_| reload_on_hangup(tls))
}

#[cfg(unix)]
fn reload_on_hangup(tls: Tls) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => eprintln!("certificate read again"),
                // The one in use stays in use.
                Err(error) => eprintln!("certificate not read again: {error}"),
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_on_hangup(_: Tls) -> io::Result<()> {
    Ok(())
}
