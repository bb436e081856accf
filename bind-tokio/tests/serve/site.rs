//! A website with a REST interface and Socket.IO share a port.

use examples::static_site;
use sansocket_tokio::{Config, Listener, Server};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends one request over a connection of its own; returns status and body.
fn request(server: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn what_is_posted_is_listed_and_emitted() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let listener = Listener::tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr().tcp().unwrap();
        let server = Server::new(static_site::app(Config::default()));
        tokio::spawn(async move { server.serve_on([listener]).await });
        address
    });
    let path = "/socket.io/?EIO=4&transport=polling";
    let open = request(server, "GET", path, "").1;
    let path = format!("{path}&sid={}", open.split('"').nth(3).unwrap());
    assert_eq!(request(server, "POST", &path, "40"), (200, "ok".into()));
    assert!(request(server, "GET", &path, "").1.ends_with("\u{1e}42[\"notes\",[]]"));

    let note = r#"{"text":"buy milk"}"#;
    assert_eq!(request(server, "POST", "/api/notes", note), (201, note.into()));
    assert_eq!(request(server, "GET", &path, ""), (200, format!("42[\"note\",{note}]")));
    assert_eq!(request(server, "GET", "/api/notes", ""), (200, format!("[{note}]")));

    assert_eq!(request(server, "POST", "/api/notes", "milk").0, 400);
    assert_eq!(request(server, "DELETE", "/api/notes", "").0, 405);
    assert_eq!(request(server, "GET", "/none", "").0, 404);
    assert!(request(server, "GET", "/", "").1.contains("<h1>"));
    assert!(request(server, "GET", "/readme", "").1.starts_with("# Sansocket"));
}
