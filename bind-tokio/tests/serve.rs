//! What the binding itself promises: it serves, it is reached from any thread, and it stops.

use sansocket_tokio::{App, Listener, Server, Socket};
use std::future::{Future as _, poll_fn};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A polling client over one blocking stream.
struct Client {
    stream: TcpStream,
    sid: String,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Self { stream, sid: String::new() };
        let (_, open) = client.request("GET", "");
        client.sid = open.split('"').nth(3).unwrap().to_owned();
        client.post("40");
        assert!(client.poll().starts_with("40{"));
        client
    }

    fn poll(&mut self) -> String {
        self.request("GET", "").1
    }

    fn post(&mut self, payload: &str) {
        assert_eq!(self.request("POST", payload), (200, "ok".into()));
    }

    fn request(&mut self, method: &str, body: &str) -> (u16, String) {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let length = body.len();
        write!(
            self.stream,
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: a\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        self.response()
    }

    fn response(&mut self) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
    }
}

/// Serves `app` on four shards and two threads.
fn serve(app: App) -> (Runtime, Server, SocketAddr, JoinHandle<std::io::Result<()>>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (io, address, serving) = runtime.block_on(async {
        let listener = Listener::tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr().tcp().unwrap();
        let io = Server::with_shards(app, 4);
        let serving = io.clone();
        (io, address, tokio::spawn(async move { serving.serve_on([listener]).await }))
    });
    (runtime, io, address, serving)
}

#[test]
fn any_thread_reaches_clients_on_all_shards() {
    let (_runtime, io, address, _serving) = serve(App::new());
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(address)).collect();
    // A plain thread, outside the runtime.
    std::thread::spawn(move || io.emit("news", &("all", 1)).unwrap()).join().unwrap();
    for client in &mut clients {
        assert_eq!(client.poll(), r#"42["news","all",1]"#);
    }
}

#[test]
fn a_poll_is_answered_when_something_comes() {
    let mut app = App::new();
    app.on("later", async |socket: Socket, ms: u64| {
        socket.io().sleep(Duration::from_millis(ms)).await;
        let _ = socket.emit("now", &());
    });
    let (_runtime, _io, address, _serving) = serve(app);
    let mut client = Client::connect(address);
    client.post(r#"42["later",50]"#);
    assert_eq!(client.poll(), r#"42["now"]"#);
}

#[test]
fn a_handler_that_panics_harms_nobody() {
    let mut app = App::new();
    let (errors, heard) = mpsc::channel();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("bad", || -> () { panic!("on purpose") });
    app.on("good", || "fine");
    let (_runtime, _io, address, _serving) = serve(app);
    let mut client = Client::connect(address);
    client.post("420[\"bad\"]\u{1e}421[\"good\"]");
    assert_eq!(client.poll(), r#"431["fine"]"#);
    assert_eq!(
        heard.recv().unwrap(),
        r#"handler of "bad" in namespace "/": it panicked: on purpose"#
    );
}

#[test]
fn a_client_faster_than_its_handlers_is_read_no_further_and_loses_nothing() {
    const EVENTS: usize = 40_000;
    let (handled, seen) = mpsc::channel();
    let mut app = App::new();
    app.on("n", move |n: usize| {
        // Slow enough for several posts to pile up behind it.
        if n.is_multiple_of(1000) {
            std::thread::yield_now();
        }
        handled.send(n).unwrap();
    });
    let (_runtime, _io, address, _serving) = serve(app);
    let mut client = Client::connect(address);
    for first in (0..EVENTS).step_by(4000) {
        let packets: Vec<String> =
            (first..first + 4000).map(|n| format!("42[\"n\",{n}]")).collect();
        client.post(&packets.join("\u{1e}"));
    }
    let order: Vec<usize> = (0..EVENTS).map(|_| seen.recv().unwrap()).collect();
    assert!(order.iter().enumerate().all(|(i, &n)| i == n));
}

#[test]
fn what_an_unsent_question_holds_may_come_back_when_it_is_dropped() {
    /// Asks its socket something when it goes.
    struct Nosy(Socket);
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert!(!self.0.is_connected());
        }
    }
    let (tried, done) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |socket: Socket| {
        let nosy = Nosy(socket.clone());
        let sent = socket.emit_then("late", &(), Duration::from_secs(1), move |_| drop(nosy));
        tried.send(sent.is_err()).unwrap();
    });
    let (_runtime, _io, address, _serving) = serve(app);
    let mut client = Client::connect(address);
    client.post("41");
    assert!(done.recv_timeout(Duration::from_secs(20)).unwrap());
}

#[test]
fn requests_wait_in_line_behind_a_held_poll() {
    let (_runtime, io, address, _serving) = serve(App::new());
    let mut client = Client::connect(address);
    let sid = client.sid.clone();
    let get =
        format!("GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n");
    let other = "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n";
    client.stream.write_all(format!("{get}{other}").as_bytes()).unwrap();
    io.emit("go", &()).unwrap();
    assert_eq!(client.response(), (200, r#"42["go"]"#.into()));
    assert_eq!(client.response(), (404, "Not Found".into()));
}

#[test]
fn shutdown_tells_clients_and_ends_the_server() {
    let (left, reasons) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |_: Socket, reason: sansocket_tokio::Reason| {
        left.send(reason.as_str()).unwrap();
    });
    let (runtime, io, address, serving) = serve(app);
    let mut client = Client::connect(address);
    io.stop();
    assert_eq!(client.poll(), "1");
    assert_eq!(reasons.recv().unwrap(), "server shutting down");
    drop(client);
    runtime.block_on(serving).unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn serving_nothing_ends_nothing() {
    let (runtime, io, address, serving) = serve(App::new());
    // As with inherited listeners, where none were.
    let mut nothing = pin!(io.serve_on([]));
    let mut waits = || {
        let look = poll_fn(|context| Poll::Ready(nothing.as_mut().poll(context)));
        runtime.block_on(look).is_pending()
    };
    assert!(waits(), "the server has not ended, although it has no clients");
    let mut client = Client::connect(address);
    assert!(waits());
    io.emit("news", &()).unwrap();
    assert_eq!(client.poll(), r#"42["news"]"#);
    io.stop();
    drop(client);
    runtime.block_on(nothing).unwrap();
    runtime.block_on(serving).unwrap().unwrap();
}
