//! What every binding promises on a bad network and in the hands of bad handlers.

use sansocket_app::http::Request;
use sansocket_app::{AckError, App, Bytes, Config, Counts, Io, Socket};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::identity::Identity;
use super::{Serve, listener, port, start};
use crate::client::{Client, PATIENCE};
use crate::proxy::{Cut, Dice, Faults, Proxy, reset};

/// Events are neither lost nor doubled nor reordered by a network that cuts everything into pieces
/// and stalls, on either transport and through the upgrade.
pub fn events_survive_a_slow_and_choppy_network(serve: Serve) {
    const EVENTS: usize = 800;
    let (heard, log) = mpsc::channel();
    let mut app = App::with_config(brief());
    app.on("echo", move |socket: Socket, n: usize| {
        heard.send((socket.id().to_owned(), n)).unwrap();
        n
    });
    let (io, address, _serving) = start(serve, app);
    let faults = Faults { piece: 30, pause: Duration::from_micros(300), cut: None };
    let proxy = Proxy::start(address, faults, 1);
    let address = proxy.address;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || echo_on_polling(&mut Client::connect(address), 0..EVENTS));
            scope.spawn(move || echo_on(&mut Channel::connect(address).unwrap(), 0..EVENTS));
            scope.spawn(move || {
                let mut client = Client::connect(address);
                echo_on_polling(&mut client, 0..EVENTS / 2);
                let mut moved = Channel::upgrade(address, &client.sid).unwrap();
                echo_on(&mut moved, EVENTS / 2..EVENTS);
                // While the first stream is still there.
                drop(client);
            });
        }
    });
    io.close();
    settle(&io, 0);
    let mut all: Vec<_> = log.try_iter().collect();
    // Stable: the order of each client is kept.
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(all.iter().map(|&(_, n)| n).eq((0..9).flat_map(|_| 0..EVENTS)));
}

fn echo_on(channel: &mut Channel, numbers: std::ops::Range<usize>) {
    // All at once, so that pieces end anywhere within frames.
    for n in numbers.clone() {
        channel.send(&format!("42{n}[\"echo\",{n}]")).unwrap();
    }
    for n in numbers {
        assert_eq!(channel.recv().unwrap(), format!("43{n}[{n}]"));
    }
}

fn echo_on_polling(client: &mut Client, numbers: std::ops::Range<usize>) {
    let packets: Vec<_> = numbers.clone().map(|n| format!("42{n}[\"echo\",{n}]")).collect();
    packets.chunks(20).for_each(|some| client.post(&some.join("\u{1e}")));
    let mut due = numbers.map(|n| format!("43{n}[{n}]")).peekable();
    while due.peek().is_some() {
        for packet in client.poll().split('\u{1e}') {
            assert_eq!(Some(packet), due.next().as_deref());
        }
    }
}

/// Connections that are reset, or end in one direction only, end their sessions and no other.
pub fn resets_and_half_closes_end_their_sessions_and_no_other(serve: Serve) {
    let (io, address, _serving) = start(serve, echo(impatient()));
    let mut steady = Channel::connect(address).unwrap();
    let cuts = [Cut::Half(1500), Cut::Reset(1500)];
    let proxies: Vec<_> = (2..)
        .zip(cuts)
        .map(|(seed, cut)| {
            let pause = Duration::from_micros(100);
            Proxy::start(address, Faults { piece: 100, pause, cut: Some(cut) }, seed)
        })
        .collect();
    let (done, ended) = mpsc::channel();
    for n in 0..64 {
        let (address, done) = (proxies[n % 2].address, done.clone());
        thread::spawn(move || {
            let broken = if n % 4 < 2 { polled(address) } else { channelled(address) };
            done.send(broken.is_err()).unwrap();
        });
    }
    let mut left = 64;
    while left > 0 {
        steady.echo(left).unwrap();
        for broken in ended.try_iter() {
            assert!(broken);
            left -= 1;
        }
    }
    // Its PINGs are answered while it waits.
    settle_beside(&io, &mut steady);
    drop(steady);
    settle(&io, 0);
}

/// A client that ends its side of a connection after a request still gets the answer.
pub fn who_sends_nothing_more_is_answered(serve: Serve) {
    let identity = Identity::new();
    let listeners = vec![listener(), listener().tls(identity.tls())];
    let addresses = [port(&listeners[0]), port(&listeners[1])];
    let mut app = App::new();
    app.fallback(async |request: Request<Bytes>| {
        let io: Io = request.extensions().get().cloned().unwrap();
        io.sleep(Duration::from_millis(20)).await;
        format!("({})", request.uri().path())
    });
    let (io, serving) = serve(app, listeners);
    let open = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
    let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    let asked = [slow, open, slow, open].concat();

    let mut plain = TcpStream::connect(addresses[0]).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(asked.as_bytes()).unwrap();
    plain.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    plain.read_to_string(&mut answers).unwrap();
    assert_eq!((answers.matches("(/slow)").count(), answers.matches("0{").count()), (2, 2));

    let stream = TcpStream::connect(addresses[1]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut secret = identity.encrypt(stream);
    secret.write_all(asked.as_bytes()).unwrap();
    secret.conn.send_close_notify();
    secret.conn.write_tls(&mut secret.sock).unwrap();
    secret.sock.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    secret.read_to_string(&mut answers).unwrap();
    assert_eq!((answers.matches("(/slow)").count(), answers.matches("0{").count()), (2, 2));
    io.stop();
    serving.join().unwrap().unwrap();
}

/// Sends events until the connection breaks.
fn channelled(address: SocketAddr) -> io::Result<()> {
    let mut channel = Channel::connect(address)?;
    (0..1000).try_for_each(|n| channel.echo(n))
}

fn polled(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut client = Client::try_join(stream)?;
    (0..1000).try_for_each(|n| {
        client.try_request("POST", &format!("42{n}[\"echo\",{n}]"))?;
        client.try_request("GET", "").map(drop)
    })
}

/// Clients that are killed and come back, again and again, leave nothing behind.
pub fn hundreds_of_clients_killed_and_restarted_leave_nothing(serve: Serve) {
    let mut app = echo(Config::default());
    app.on("enter", |socket: Socket| {
        // The connection may be gone by now, without an answer.
        let _ = socket.join("room");
        drop(socket.call::<()>("well?", &()));
        let _ = socket.nsp().to("room").emit("entered", &());
    });
    let (io, address, _serving) = start(serve, app);
    thread::scope(|scope| {
        for seed in 0..6 {
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                (0..60).for_each(|_| live_and_die(address, &mut dice));
            });
        }
    });
    let mut survivor = Channel::connect(address).unwrap();
    survivor.echo(1).unwrap();
    settle_beside(&io, &mut survivor);
    drop(survivor);
    settle(&io, 0);
}

/// One life of a client, which ends without a farewell.
fn live_and_die(address: SocketAddr, dice: &mut Dice) {
    if dice.below(3) == 0 {
        let mut client = Client::connect(address);
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", client.sid);
        // Nothing comes for it: it is held when it breaks.
        client.send("GET", &target, "");
        return reset(&client.stream).unwrap();
    }
    let mut channel = Channel::connect(address).unwrap();
    channel.send(r#"42["enter"]"#).unwrap();
    match dice.below(3) {
        0 => drop(channel.recv().unwrap()),
        1 => reset(channel.stream()).unwrap(),
        // In the middle of a frame.
        _ => io::Write::write_all(channel.stream(), &[0x81, 0xfe, 0]).unwrap(),
    }
}

/// A panic of any handler affects its own event only, and is reported.
pub fn a_panic_in_any_handler_costs_only_what_it_was_about(serve: Serve) {
    let mut app = echo(Config::default());
    let (errors, heard) = mpsc::channel();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("await", async |socket: Socket| -> () {
        socket.io().sleep(Duration::from_millis(1)).await;
        panic!("on purpose")
    });
    app.on_disconnect(|_: Socket| -> () { panic!("on purpose") });
    app.fallback(|_: Request<Bytes>| -> &'static str { panic!("on purpose") });
    app.namespace("/closed").on_connect(|| -> bool { panic!("on purpose") });
    let (io, address, _serving) = start(serve, app);
    let mut channel = Channel::connect(address).unwrap();
    channel.send("420[\"await\"]").unwrap();
    assert!(heard.recv_timeout(PATIENCE).unwrap().contains("\"await\""));
    channel.send("40/closed,").unwrap();
    assert!(channel.recv().unwrap().starts_with("44/closed,"));
    assert!(heard.recv_timeout(PATIENCE).unwrap().contains("/closed"));
    io.spawn(async { panic!("on purpose") });
    drop(Channel::connect(address).unwrap());
    assert!(heard.recv_timeout(PATIENCE).unwrap().contains("disconnect"));
    let mut web = Client::connect(address);
    web.send("GET", "/elsewhere", "");
    assert_eq!(web.response().0, 500);
    web.post("420[\"echo\",7]");
    assert_eq!(web.poll(), "430[7]");
    (0..10).for_each(|n| channel.echo(n).unwrap());
}

/// The end comes in the middle of everything: clients are told, every question is answered or
/// fails, acknowledgements come in order until then, and the server ends.
pub fn shutdown_under_load_leaves_no_question_open(serve: Serve) {
    let questions = Arc::new(AtomicUsize::new(0));
    let (settled, outcomes) = mpsc::channel();
    let mut app = echo(Config::default());
    let asked = questions.clone();
    app.on("ask", move |socket: Socket, n: usize| {
        let settled = settled.clone();
        let sent = socket.emit_then("asked", &n, PATIENCE, move |answer| {
            settled.send(answer.map(drop)).unwrap();
        });
        // Clients that left cannot be asked.
        asked.fetch_add(usize::from(sent.is_ok()), Ordering::AcqRel);
    });
    let (io, address, serving) = start(serve, app);
    let (ready, all) = mpsc::channel();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let ready = ready.clone();
            thread::spawn(move || load(address, &ready))
        })
        .collect();
    (0..8).for_each(|_| all.recv_timeout(PATIENCE).unwrap());
    io.stop();
    for client in clients {
        assert!(client.join().unwrap(), "a client was not told");
    }
    serving.join().unwrap().unwrap();
    settle(&io, 0);
    let (mut ended, mut failed) = (0, 0);
    while ended < questions.load(Ordering::Acquire) {
        match outcomes.recv_timeout(PATIENCE).unwrap() {
            Ok(()) => {}
            Err(AckError::Disconnected) => failed += 1,
            Err(other) => panic!("{other}"),
        }
        ended += 1;
    }
    // Each client leaves its first question open.
    assert!(failed >= 8, "{failed}");
    assert!(outcomes.try_recv().is_err(), "answered twice");
}

/// Asks and is asked until the server ends; whether it was told so.
fn load(address: SocketAddr, ready: &mpsc::Sender<()>) -> bool {
    let mut channel = Channel::connect(address).unwrap();
    // This question is never answered.
    channel.send(r#"42["ask",0]"#).unwrap();
    let (mut acknowledged, mut sent) = (0, 0);
    loop {
        // Errors are those of a server that takes no more.
        let _ = channel.send(&format!("42{sent}[\"echo\",{sent}]"));
        let _ = channel.send(&format!("42[\"ask\",{}]", sent + 1));
        sent += 1;
        // The acknowledgement and the question, in either order.
        for _ in 0..2 {
            let Ok(packet) = channel.recv() else { return false };
            if packet == "1" {
                return true;
            } else if let Some(id) = packet.strip_prefix("42").and_then(|p| p.split_once('[')) {
                if !packet.ends_with("\"asked\",0]") {
                    let _ = channel.send(&format!("43{}[]", id.0));
                }
            } else {
                assert_eq!(packet, format!("43{acknowledged}[{acknowledged}]"));
                acknowledged += 1;
            }
        }
        if sent == 20 {
            ready.send(()).unwrap();
        }
    }
}

/// Settings under which a client that went silent is missed soon.
pub(super) fn impatient() -> Config {
    let mut config = Config::default();
    config.ping_interval = Duration::from_millis(200);
    // Honest clients must make it on a busy machine.
    config.ping_timeout = Duration::from_secs(3);
    config
}

/// Settings under which a session that was closed on polling does not wait long for its client.
pub(super) fn brief() -> Config {
    let mut config = Config::default();
    config.close_timeout = Duration::from_millis(50);
    config
}

pub(super) fn echo(config: Config) -> App {
    let mut app = App::with_config(config);
    app.on("echo", |n: usize| n);
    app
}

/// Waits until so many sessions are left, with nothing else when there are none.
pub(super) fn settle(io: &Io, sessions: usize) {
    let patience = Instant::now() + PATIENCE;
    loop {
        let counts = io.counts();
        let left: usize = counts.iter().map(|count| count.sessions).sum();
        let other = |count: &Counts| {
            count.links + count.sockets + count.rooms + count.questions + count.bytes
        };
        let rest: usize = counts.iter().map(other).sum();
        if left == sessions && (sessions > 0 || rest == 0) {
            return;
        }
        assert!(Instant::now() < patience, "{counts:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until one session is left, that of `steady`, which goes on meanwhile.
fn settle_beside(io: &Io, steady: &mut Channel) {
    let patience = Instant::now() + PATIENCE;
    while io.counts().iter().map(|count| count.sessions).sum::<usize>() > 1 {
        assert!(Instant::now() < patience, "{:?}", io.counts());
        steady.echo(0).unwrap();
        thread::sleep(Duration::from_millis(5));
    }
}
