//! Where Redis may be.

use std::time::Duration;

use sansocket_bus::{Broker, Format, Subscription};
use sansocket_redis::Redis;

use crate::end::{Node, Told, entry, exact, time};
use crate::server::Server;

fn works(url: &str) {
    let node = Node::ready(Redis::new(url).unwrap(), Format::Native, &[exact("a")]);
    node.publish("a", "x");
    assert_eq!(node.messages(1), ["x"]);
}

fn fails(url: &str) -> String {
    Node::start(Redis::new(url).unwrap(), Format::Native, &[]).lost()
}

#[test]
fn a_unix_socket() {
    let server = Server::with(&["--unixsocket", "FOLDER/redis.sock"]);
    works(&format!("unix://{}", server.file("redis.sock")));
    let why = fails(&format!("unix://{}", server.file("none.sock")));
    assert!(why.contains("No such file"), "{why}");
}

#[test]
fn a_password_or_a_user() {
    let server = Server::with(&["--requirepass", "s e/c"]);
    works(&format!("redis://:s%20e%2Fc@127.0.0.1:{}", server.port));
    works(&format!("redis://default:s%20e%2Fc@127.0.0.1:{}", server.port));
    let why = fails(&format!("redis://:wrong@127.0.0.1:{}", server.port));
    assert!(why.contains("WRONGPASS") && !why.contains("wrong@"), "{why}");
    let why = fails(&server.url());
    assert!(why.contains("NOAUTH"), "{why}");
}

#[test]
fn a_port_at_which_nobody_listens() {
    let (why, took) = time(|| fails("redis://127.0.0.1:1"));
    assert!(why.contains("refused"), "{why}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_database_has_its_own_streams() {
    let server = Server::start();
    let stream = [Subscription::Stream("s".into())];
    let redis = |db: u8| Redis::new(&format!("{}/{db}", server.url())).unwrap();
    let first = Node::ready(redis(0), Format::Streams, &stream);
    let second = Node::ready(redis(2), Format::Streams, &stream);
    first.command(entry("s", "zero", 10));
    second.command(entry("s", "two", 10));
    for (node, text) in [(first, "zero"), (second, "two")] {
        let found = node.until(Told::data);
        assert_eq!(found, text);
    }
}

#[test]
fn tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &cert];
    let server = Server::with(
        &[&["--port", "0", "--tls-port", "PORT", "--tls-auth-clients", "no"], &files[..]].concat(),
    );
    let url = format!("rediss://localhost:{}", server.port);
    let trusting = Redis::new(&url).unwrap().root_certificates(made.cert.pem());
    let node = Node::ready(trusting, Format::Native, &[exact("a")]);
    node.publish("a", "x");
    assert_eq!(node.messages(1), ["x"]);
    let why = fails(&url);
    assert!(why.contains("certificate") || why.contains("UnknownIssuer"), "{why}");
}

#[test]
fn f11_addresses_in_logs_have_no_password() {
    for (url, address) in [
        ("redis://u:p@host/3", "redis://host:6379/3"),
        ("rediss://:p@host:1", "rediss://host:1"),
        ("unix:///run/redis.sock?password=p", "unix:///run/redis.sock"),
        (
            "redis+sentinel://:p@a,b:2/1/main?sentinel_password=p",
            "redis+sentinel://a:26379,b:2/1/main",
        ),
        ("redis+cluster://u:p@a,b:2", "redis+cluster://a:6379,b:2"),
    ] {
        let redis = Redis::new(url).unwrap();
        assert_eq!(redis.address(), address);
        assert!(!format!("{redis:?}").contains("\"p\""), "{redis:?}");
    }
}
