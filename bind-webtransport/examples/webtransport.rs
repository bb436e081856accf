//! Echoes and broadcasts, by WebTransport and by what else clients have, on one port. Makes a certificate for 13
//! days, and prints the hash that a page names in `serverCertificateHashes`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use examples::options::Options;
use rcgen::{CertificateParams, KeyPair};
use sansocket_tokio::{Address, App, Config, EventMessage, Listener, NoReply, Server, Socket};
use sansocket_webtransport::{Certificate, Endpoint};
use std::error::Error;
use std::time::{Duration, SystemTime};

fn app(mut config: Config) -> App {
    config.transports.webtransport = true;
    let mut app = App::with_config(config);
    app.on("echo", |socket: Socket, message: EventMessage| {
        let _ = socket.emit("echoed", message.args());
        NoReply
    });
    app.on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
    });
    app.on("transport", |socket: Socket| socket.transport().map(String::from));
    app.on("kick", |socket: Socket| socket.disconnect());
    app.on("leave", |socket: Socket| socket.close_transport());
    app.on_disconnect(|socket: Socket| {
        let _ = socket.broadcast().emit("left", &socket.id().to_string());
    });
    app
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read(3000, Config::default());
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    let Address::Http(address) = listener.local_addr() else { return Err("no TCP".into()) };
    let certificate = self_signed(&options.host)?;
    // A page has one port, so UDP takes the number that TCP has.
    let endpoint = Endpoint::bind(address, &certificate)?;
    let hash = certificate.sha256().unwrap_or_default();
    println!("certificate SHA-256 {}", STANDARD.encode(hash));
    println!("listening on {}", listener.local_addr());
    let server = Server::new(app(options.config));
    let stopping = server.io();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stopping.stop();
    });
    tokio::try_join!(server.serve_on([listener]), endpoint.serve(&server))?;
    Ok(())
}

/// A certificate that browsers take by its hash: with a key for ECDSA, and for less than 14 days.
fn self_signed(host: &str) -> Result<Certificate, Box<dyn Error>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([host.into(), "localhost".into()])?;
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + 12 * DAY).into();
    let chain = vec![params.self_signed(&key)?.der().clone()];
    Ok(Certificate::new(chain, key.into()))
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
