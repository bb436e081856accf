//! Listeners that encrypt.

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sansocket_blocking::{App, Listener, Server, Threads, Tls};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tests::Client;

/// A client that trusts one certificate.
fn connect(
    address: SocketAddr,
    trusted: CertificateDer<'static>,
) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Client::join(StreamOwned::new(session, stream))
}

#[test]
fn clients_are_served_over_tls_beside_others() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::from_pem_files(certificate, key).unwrap();

    let clear = Listener::tcp("127.0.0.1:0").unwrap();
    let secure = Listener::tcp("127.0.0.1:0").unwrap().tls(tls);
    let (http, https) = (clear.local_addr().tcp().unwrap(), secure.local_addr().tcp().unwrap());
    let io = Server::with_threads(App::new(), Threads { io: 2, workers: 1 });
    let serving = io.clone();
    let serving = thread::spawn(move || serving.serve_on([clear, secure]));
    let (mut one, mut other) = (Client::connect(http), connect(https, made.cert.der().clone()));
    // Longer than a TLS record.
    let text = "x".repeat(100_000);
    io.emit("text", &text).unwrap();
    let packet = format!("42[\"text\",\"{text}\"]");
    assert!(one.poll() == packet && other.poll() == packet);
    io.stop();
    drop((one, other));
    serving.join().unwrap().unwrap();
}
