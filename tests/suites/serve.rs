//! A binding serves clients on all its listeners and shards, and stops.

use sansocket_app::{App, Io, Listener, Reason, Socket};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{Client, PATIENCE};
use crate::identity::Identity;

/// How a binding serves on several shards, on threads of its own.
pub type Serve = fn(App, Vec<Listener>) -> (Io, Serving);

/// How a binding whose `serve_on` is a future begins to serve, and then drops that future.
pub type Abandon = fn(App, Listener) -> (Io, Box<dyn FnOnce()>);

/// What serving comes to, once the server has ended.
pub type Serving = JoinHandle<io::Result<()>>;

/// A handle emits from any thread to clients on every shard.
pub fn any_thread_reaches_clients_on_all_shards(serve: Serve) {
    let (io, address, _serving) = start(serve, App::new());
    assert!(io.counts().len() > 1);
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
    // A plain thread, outside the runtime.
    thread::spawn(move || io.emit("news", &("all", 1)).unwrap()).join().unwrap();
    for client in &mut clients {
        assert_eq!(client.poll(), r#"42["news","all",1]"#);
    }
}

/// A poll waits for the timers of the binding.
pub fn a_poll_is_answered_when_something_comes(serve: Serve) {
    let mut app = App::new();
    app.on("later", async |socket: Socket, ms: u64| {
        socket.io().sleep(Duration::from_millis(ms)).await;
        let _ = socket.emit("now", &());
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post(r#"42["later",50]"#);
    assert_eq!(client.poll(), r#"42["now"]"#);
}

/// A handler starts a background task that blocks, which emits and ends with the server.
pub fn a_handler_starts_a_thread_that_rests_until_the_server_stops(serve: Serve) {
    let (ended, heard) = mpsc::channel();
    let mut app = App::new();
    app.on("watch", move |io: Io| {
        let (watching, ended) = (io.clone(), ended.clone());
        io.thread(move || {
            assert!(watching.blocking_sleep(Duration::from_millis(1)));
            let _ = watching.emit("news", &1);
            ended.send(watching.blocking_sleep(2 * PATIENCE)).unwrap();
        });
    });
    let (io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post(r#"42["watch"]"#);
    assert_eq!(client.poll(), r#"42["news",1]"#);
    io.stop();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(false));
}

/// A panic is reported, and the connection lives.
pub fn a_handler_that_panics_harms_nobody(serve: Serve) {
    let mut app = App::new();
    let (errors, heard) = mpsc::channel();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("bad", || -> () { panic!("on purpose") });
    app.on("good", || "fine");
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post("420[\"bad\"]\u{1e}421[\"good\"]");
    assert_eq!(client.poll(), r#"431["fine"]"#);
    assert_eq!(
        heard.recv().unwrap(),
        r#"handler of "bad" in namespace "/": it panicked: on purpose"#
    );
}

/// What no buffer of a socket holds at once arrives all the same, in both directions.
pub fn a_large_event_comes_back_whole(serve: Serve) {
    let mut app = App::new();
    app.on("echo", |text: String| text);
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    let text: String = (0..90_000).map(|n| format!("{n:011}")).collect();
    client.post(&format!(r#"421["echo","{text}"]"#));
    assert_eq!(client.poll(), format!(r#"431["{text}"]"#));
}

/// Events are handled in order, however fast they come.
pub fn a_client_faster_than_its_handlers_is_read_no_further_and_loses_nothing(serve: Serve) {
    const EVENTS: usize = 40_000;
    let (handled, seen) = mpsc::channel();
    let mut app = App::new();
    app.on("n", move |n: usize| {
        // Slow enough for several posts to pile up behind it.
        if n.is_multiple_of(1000) {
            thread::yield_now();
        }
        handled.send(n).unwrap();
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    for first in (0..EVENTS).step_by(4000) {
        let packets: Vec<String> =
            (first..first + 4000).map(|n| format!("42[\"n\",{n}]")).collect();
        client.post(&packets.join("\u{1e}"));
    }
    let order: Vec<usize> = (0..EVENTS).map(|_| seen.recv().unwrap()).collect();
    assert!(order.iter().enumerate().all(|(i, &n)| i == n));
}

/// A destructor may call back into the server.
pub fn what_an_unsent_question_holds_may_come_back_when_it_is_dropped(serve: Serve) {
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
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post("41");
    assert!(done.recv_timeout(PATIENCE).unwrap());
}

/// Pipelined requests are answered one after the other.
pub fn requests_wait_in_line_behind_a_held_poll(serve: Serve) {
    let (io, address, _serving) = start(serve, App::new());
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

/// Which listener a client came by makes no difference.
pub fn clients_of_several_listeners_meet(serve: Serve) {
    let listeners = [listener(), listener(), listener()];
    let addresses = listeners.each_ref().map(port);
    let mut app = App::new();
    app.on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
    });
    let (_io, _serving) = serve(app, listeners.into());
    let mut clients = addresses.map(Client::connect);
    clients[1].post(r#"42["say","hello"]"#);
    assert_eq!(clients[0].poll(), r#"42["said","hello"]"#);
    assert_eq!(clients[2].poll(), r#"42["said","hello"]"#);
}

/// A listener with a certificate encrypts, and a large event fits through.
pub fn clients_over_tls_and_in_the_clear_meet(serve: Serve) {
    let identity = Identity::new();
    let (open, closed) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&open), port(&closed));
    let mut app = App::new();
    app.on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
    });
    let (io, serving) = serve(app, vec![open, closed]);
    let mut plain = Client::connect(addresses.0);
    let stream = TcpStream::connect(addresses.1).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut secret = Client::join(identity.encrypt(stream));
    let text = "secret ".repeat(50_000);
    secret.post(&format!(r#"42["say","{text}"]"#));
    assert_eq!(plain.poll(), format!(r#"42["said","{text}"]"#));
    plain.post(&format!(r#"42["say","{text}"]"#));
    assert_eq!(secret.poll(), format!(r#"42["said","{text}"]"#));
    io.stop();
    assert_eq!(secret.poll(), "1");
    drop((plain, secret));
    serving.join().unwrap().unwrap();
}

/// A socket file is served, and removed at the end.
#[cfg(unix)]
pub fn a_socket_file_serves_and_goes(serve: Serve) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let (io, serving) = serve(App::new(), vec![Listener::unix(&path).unwrap()]);
    let mut client = Client::join(std::os::unix::net::UnixStream::connect(&path).unwrap());
    io.emit("go", &()).unwrap();
    assert_eq!(client.poll(), r#"42["go"]"#);
    io.stop();
    assert_eq!(client.poll(), "1");
    drop(client);
    serving.join().unwrap().unwrap();
    assert!(!path.exists());
}

/// Clients and handlers hear of the end before it comes.
pub fn shutdown_tells_clients_and_ends_the_server(serve: Serve) {
    let (left, reasons) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |_: Socket, reason: Reason| left.send(reason.as_str()).unwrap());
    let (io, address, serving) = start(serve, app);
    let mut client = Client::connect(address);
    io.stop();
    assert_eq!(client.poll(), "1");
    assert_eq!(reasons.recv().unwrap(), "server shutting down");
    drop(client);
    serving.join().unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

/// A client that never leaves does not keep the server.
pub fn connections_are_cut_off_when_the_grace_is_over(serve: Serve) {
    let (io, address, serving) = start(serve, App::new());
    // It has not even asked for anything, and might yet come back to hear that the server stops.
    let _client = Client::connect(address);
    io.stop_within(Duration::from_millis(50));
    serving.join().unwrap().unwrap();
}

pub(crate) fn start(serve: Serve, app: App) -> (Io, SocketAddr, Serving) {
    let listener = listener();
    let address = port(&listener);
    let (io, serving) = serve(app, vec![listener]);
    (io, address, serving)
}

pub(crate) fn listener() -> Listener {
    Listener::tcp("127.0.0.1:0").expect("a port is free")
}

pub(crate) fn port(listener: &Listener) -> SocketAddr {
    listener.local_addr().tcp().expect("listens on TCP")
}
