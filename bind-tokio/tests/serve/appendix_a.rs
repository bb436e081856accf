//! What servers in Python promise and takes a network to see, row by row; the other rows are in
//! `tests/protocol/appendix_a.rs`.

use sansocket_tokio::{App, Bytes, Config, Cookie, Files, Listener, Server, Socket, http};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A server in the background; the test goes on working.
struct Served {
    runtime: Runtime,
    server: Server,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    fn start(app: App, listeners: impl IntoIterator<Item = Listener>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let inside = runtime.enter();
        let server = Server::new(app);
        let (serving, listeners) = (server.clone(), Vec::from_iter(listeners));
        let serving = runtime.spawn(async move { serving.serve_on(listeners).await });
        drop(inside);
        Self { runtime, server, serving }
    }
}

fn listen() -> (Listener, SocketAddr) {
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    (listener, address)
}

/// Sends a GET on a stream, which the answer ends.
fn ask(stream: impl Read + Write, target: &str, fields: &str) -> String {
    send(stream, &format!("GET {target} HTTP/1.1"), fields, "")
}

fn send(mut stream: impl Read + Write, request: &str, fields: &str, body: &str) -> String {
    write!(stream, "{request}\r\nHost: a\r\nConnection: close\r\n{fields}\r\n{body}").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

#[test]
fn a11_a_server_runs_in_the_background_until_it_is_stopped() {
    let (listener, address) = listen();
    let Served { runtime, server, serving } = Served::start(App::new(), [listener]);
    assert!(ask(tcp(address), OPEN, "").contains(r#"0{"sid":""#));
    server.io().stop();
    runtime.block_on(serving).unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a12_files_by_mapping_and_an_application_behind() {
    let folder = std::env::temp_dir().join(format!("sansocket-a12-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "<h1>index</h1>").unwrap();
    std::fs::write(folder.join("one.css"), "h1 {}").unwrap();
    let mut app = App::new();
    app.files(Files::new().map("/static", &folder).map("/style.css", folder.join("one.css")));
    app.fallback(|request: http::Request<Bytes>| format!("fallback {}", request.uri().path()));
    let (listener, address) = listen();
    let _served = Served::start(app, [listener]);
    let get = |target: &str| ask(tcp(address), target, "");
    assert!(get("/static/").ends_with("<h1>index</h1>"));
    assert!(get("/static/one.css").contains("content-type: text/css"));
    assert!(get("/style.css").ends_with("h1 {}"));
    assert!(get("/static/../secret").ends_with("fallback /static/../secret"));
    assert!(get("/hello").ends_with("fallback /hello"));
    assert!(get(OPEN).contains(r#"0{"sid":""#));
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn a13_one_server_behind_a_port_and_a_socket_file() {
    let path = std::env::temp_dir().join(format!("sansocket-a13-{}", std::process::id()));
    let (listener, address) = listen();
    let _served = Served::start(App::new(), [listener, Listener::unix(&path).unwrap()]);
    assert!(ask(tcp(address), OPEN, "").contains(r#"0{"sid":""#));
    let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert!(ask(stream, OPEN, "").contains(r#"0{"sid":""#));
}

#[test]
fn a13_a_trusted_proxy_tells_host_and_address() {
    let mut config = Config::default();
    config.trust_forwarded = true;
    let mut app = App::with_config(config);
    app.allow_request(|_, caller| match caller.peer {
        Some(peer) if peer.ip().to_string() == "1.2.3.4" && caller.secure => Ok(()),
        _ => Err("elsewhere"),
    });
    let (listener, address) = listen();
    let _served = Served::start(app, [listener]);
    let fields = "X-Forwarded-Host: chat.example\r\nOrigin: https://chat.example\r\n\
                  X-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\n";
    let answer = ask(tcp(address), OPEN, fields);
    assert!(answer.contains(r#"0{"sid":""#), "{answer}");
}

#[test]
fn a16_answers_set_cookies_and_are_compressed() {
    let mut config = Config::default();
    config.cookie = Some(Cookie::named("io"));
    let mut app = App::with_config(config);
    app.on_connect(|socket: Socket| {
        let _ = socket.emit("text", &"x".repeat(1024));
    });
    let (listener, address) = listen();
    let _served = Served::start(app, [listener]);
    let open = ask(tcp(address), OPEN, "");
    let cookie = open.split("set-cookie: io=").nth(1).expect("the cookie is set");
    let (sid, attributes) = cookie.split_once(';').unwrap();
    assert!(attributes.starts_with(" Path=/; HttpOnly; SameSite=Lax\r\n"), "{attributes}");
    let session = format!("{OPEN}&sid={sid}");
    let post = format!("POST {session} HTTP/1.1");
    assert!(send(tcp(address), &post, "Content-Length: 2\r\n", "40").ends_with("ok"));
    let polled = ask(tcp(address), &session, "Accept-Encoding: gzip\r\n");
    assert!(polled.contains("content-encoding: gzip\r\n"), "{polled}");
    assert!(polled.len() < 1024);
}

#[test]
fn a18_another_version_is_refused_with_a_word_of_advice() {
    let (listener, address) = listen();
    let _served = Served::start(App::new(), [listener]);
    let answer = ask(tcp(address), "/socket.io/?EIO=3&transport=polling", "");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains(r#""code":5,"message":"Unsupported protocol version""#), "{answer}");
    assert!(answer.contains("socket.io-client 3 and 4"), "{answer}");
    let answer = ask(tcp(address), &format!("{OPEN}&sid=nobody"), "");
    assert!(answer.contains("Session ID unknown") && answer.contains("sticky"), "{answer}");
}

#[test]
fn a19_the_file_of_the_javascript_client_is_served_offline() {
    let file = std::env::temp_dir().join(format!("sansocket-a19-{}.js", std::process::id()));
    std::fs::write(&file, "var io;").unwrap();
    let mut app = App::new();
    app.files(Files::new().map("/socket.io.js", &file));
    let (listener, address) = listen();
    let _served = Served::start(app, [listener]);
    let answer = ask(tcp(address), "/socket.io.js", "");
    assert!(answer.contains("content-type: text/javascript"), "{answer}");
    assert!(answer.ends_with("var io;"));
    std::fs::remove_file(file).unwrap();
}
