//! The ways from a binding's clients to a server: names, TLS, proxies, Unix sockets, streams of the application.

use sansocket_app::client::{Client, ConnectError, Proxies, Tls};
use sansocket_app::{App, Listener};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::clients::Open;
use crate::identity::Identity;
use crate::serve::{listener, port};
use crate::{Serve, start};

/// An application that tells what it is asked.
fn echo() -> App {
    let mut app = App::new();
    app.on("echo", |text: String| text);
    app
}

/// Connects by both transports, one after the other, and asks.
fn talk(client: Client, open: Open) -> Result<(), ConnectError> {
    let text = "x".repeat(50_000);
    let socket = open(client).connect().wait()?;
    assert_eq!(socket.call::<String>("echo", &text).wait().as_deref(), Ok(&*text));
    socket.disconnect().wait();
    Ok(())
}

fn client(url: &str) -> Client {
    Client::new(url).expect("a URL")
}

/// Every address of a name is tried: `localhost` is that of IPv6 too, where nobody listens.
pub fn an_address_where_nobody_listens_is_passed_over(serve: Serve, open: Open) {
    let (_io, address, _serving) = start(serve, echo());
    let url = format!("http://localhost:{}", address.port());
    talk(client(&url), open).expect("one address answers");
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    let url = format!("http://{}", nobody.expect("a port"));
    let mut alone = client(&url);
    alone.configure(|config| config.reconnect = None);
    let error = talk(alone, open).expect_err("nobody listens");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

/// G1, CVE-2016-10536: a server over TLS is spoken to when its certificate is trusted, and only then.
pub fn g01_certificates_are_verified(serve: Serve, open: Open) {
    let identity = Identity::new();
    let listener = listener().tls(identity.tls());
    let address = port(&listener);
    let (_io, _serving) = serve(echo(), vec![listener]);
    let with = |host: &str, tls: Option<Tls>| {
        let mut client = client(&format!("https://{host}:{}", address.port()));
        client.configure(|config| config.reconnect = None);
        if let Some(tls) = tls {
            client.tls(tls);
        }
        talk(client, open)
    };
    let trusting = || Tls::builder().only_root_certificates(identity.pem());
    let build = |builder: sansocket_app::client::TlsBuilder| Some(builder.build().expect("usable"));
    with("localhost", build(trusting())).expect("a trusted certificate");
    with("127.0.0.1", build(trusting().server_name("localhost"))).expect("the name is given");
    with("127.0.0.1", build(Tls::builder().danger_accept_invalid_certificates())).expect("any");
    let error = with("127.0.0.1", build(trusting())).expect_err("another name");
    assert!(error.to_string().contains("certificate"), "{error}");
    let other = Tls::builder().only_root_certificates(Identity::new().pem());
    with("localhost", build(other)).expect_err("another authority");
    with("localhost", None).expect_err("the system does not know this certificate");
}

/// Streams go through proxies of both kinds, with names and passwords, to servers with TLS and without; a proxy
/// that refuses is not gone around.
pub fn proxies_lead_to_the_server(serve: Serve, open: Open) {
    let identity = Identity::new();
    let (plain, secret) = (listener(), listener().tls(identity.tls()));
    let urls = [
        format!("http://localhost:{}", port(&plain).port()),
        format!("https://localhost:{}", port(&secret).port()),
    ];
    let (_io, _serving) = serve(echo(), vec![plain, secret]);
    let (http, socks) = (proxy(http_proxy), proxy(socks_proxy));
    let through = |url: &str, proxies: &str| {
        let mut client = client(url);
        let tls = Tls::builder().only_root_certificates(identity.pem()).build();
        client.tls(tls.expect("usable")).proxies(Proxies::all(proxies).expect("a URL"));
        client.configure(|config| config.reconnect = None);
        talk(client, open)
    };
    for url in &urls {
        for scheme in ["socks5", "socks5h"] {
            through(url, &format!("{scheme}://user:word@{socks}")).expect("a way");
        }
        through(url, &format!("http://user:word@{http}")).expect("a way");
        let error = through(url, &format!("http://user:other@{http}")).expect_err("refused");
        assert_eq!(error.status(), Some(407), "{error}");
        let error = through(url, &format!("socks5h://user:other@{socks}")).expect_err("refused");
        assert!(error.to_string().contains("refused name and password"), "{error}");
    }
}

/// A server on a Unix socket is reached by its path.
#[cfg(unix)]
pub fn a_unix_socket_leads_to_the_server(serve: Serve, open: Open) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = Listener::unix(&path).expect("a path");
    let (_io, _serving) = serve(echo(), vec![listener]);
    let mut near = client("http://anything/");
    near.unix_socket(&path);
    talk(near, open).expect("it listens");
    let mut nowhere = client("http://anything/");
    nowhere.unix_socket(folder.path().join("other")).configure(|config| config.reconnect = None);
    let error = talk(nowhere, open).expect_err("nobody listens");
    assert!(error.to_string().contains("other"), "{error}");
}

/// A stream that the application opens itself is used as it is. `own` has a client open all streams to an address.
pub fn c102_a_stream_of_the_application_leads_to_the_server(
    serve: Serve,
    open: Open,
    own: fn(&mut Client, SocketAddr),
) {
    let (_io, address, _serving) = start(serve, echo());
    let mut client = client("http://nowhere.invalid");
    own(&mut client, address);
    talk(client, open).expect("it leads there");
}

/// A proxy that answers each connection in a thread of its own.
fn proxy(answer: fn(TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away is no failure of the test.
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// An HTTP proxy that lets in who has name and password.
fn http_proxy(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    assert_eq!(method, Some("CONNECT"), "{head}");
    if !head.contains("\r\nProxy-Authorization: Basic dXNlcjp3b3Jk\r\n") {
        return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    let server = reach(target)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    join(&stream, &server)
}

/// A SOCKS5 proxy that lets in who has name and password.
fn socks_proxy(mut stream: TcpStream) -> io::Result<()> {
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting)?;
    assert_eq!(greeting, [5, 2, 0, 2]);
    stream.write_all(&[5, 2])?;
    let mut login = [0; 2 + 4 + 1];
    stream.read_exact(&mut login)?;
    let mut word = vec![0; usize::from(login[6])];
    stream.read_exact(&mut word)?;
    if word != b"word" {
        return stream.write_all(&[1, 1]);
    }
    stream.write_all(&[1, 0])?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let length = match head[3] {
        1 => 4,
        4 => 16,
        _ => {
            let mut length = [0];
            stream.read_exact(&mut length)?;
            length[0]
        }
    };
    let mut host = vec![0; usize::from(length)];
    stream.read_exact(&mut host)?;
    let mut port = [0; 2];
    stream.read_exact(&mut port)?;
    // Names and addresses are those of this machine.
    let server = reach(&format!("localhost:{}", u16::from_be_bytes(port)))?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1])?;
    join(&stream, &server)
}

fn reach(target: &str) -> io::Result<TcpStream> {
    TcpStream::connect(target)
}

/// Passes bytes on in both directions.
fn join(a: &TcpStream, b: &TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (a.try_clone()?, b.try_clone()?);
    let forth = thread::spawn(move || {
        let passed = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
        passed
    });
    let (mut from, mut to) = (b, a);
    let passed = io::copy(&mut from, &mut to);
    let _ = a.shutdown(std::net::Shutdown::Write);
    let _ = forth.join();
    passed.map(drop)
}
