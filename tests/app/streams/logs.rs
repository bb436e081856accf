//! What reaches a log.

use crate::streams::stage::{POLLING, Stage, sid};
use sansocket_app::{App, Refusal, Socket};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::frame;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{NoSubscriber, with_default};
use tracing::{Event, Metadata, Subscriber};

/// Collects lines of every target and level, with their fields as a plain log would show them.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().target().to_owned());
        attributes.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        NoSubscriber::default().new_span(attributes)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    /// The lines of what happens inside.
    fn of(act: impl FnOnce()) -> Vec<String> {
        let log = Self::default();
        with_default(log.clone(), act);
        std::mem::take(&mut *log.0.lock().unwrap())
    }
}

#[test]
fn no_line_of_a_session_tells_its_id() {
    let (lines, mut ids) = (Mutex::default(), Vec::new());
    let mut app = App::new();
    app.on_disconnect(|_: Socket| {});
    app.on("hello", |socket: Socket, name: String| {
        let _ = socket.emit("welcome", &name);
        let _ = socket.nsp().emit("all", &name);
        drop(socket.call_within::<()>("late", &(), Duration::from_secs(1)));
        "ok"
    });
    app.on("bad", || -> () { panic!("on purpose") });
    app.namespace("/closed").on_connect(|| Err::<(), _>(Refusal::new("members only")));
    let stage = Stage::new(app);
    *lines.lock().unwrap() = Log::of(|| {
        let mut client = stage.polling();
        ids.push(client.sid.clone());
        client.post("420[\"hello\",\"a\"]\u{1e}42[\"bad\"]\u{1e}42[\"odd\"]\u{1e}40/closed,");
        assert!(client.get().contains("430"));
        // It polls twice, and then names a session that is gone.
        client.get();
        let mut again = stage.stream();
        again.get(&client.sid);
        again.get(&client.sid);
        let mut first = stage.stream();
        let moved = sid(&first.ask("GET", POLLING, "", "")).to_owned();
        first.ask("GET", &format!("{POLLING}&sid={moved}&sid={moved}"), "", "");
        first.post(&moved, "nonsense");
        let mut first = stage.stream();
        let upgraded = sid(&first.ask("GET", POLLING, "", "")).to_owned();
        let mut websocket = stage.stream();
        websocket.upgrade(&format!("&sid={upgraded}"));
        let packets = ["2probe", "5", "40", "421[\"hello\",\"b\"]"];
        assert!(packets.map(|packet| websocket.send(packet)).concat().contains("431"));
        stage.pass(3);
        websocket.send("nonsense");
        ids.extend([moved, upgraded]);
        stage.pass(100);
        stage.io.stop();
    });
    let lines = lines.into_inner().unwrap();
    for target in ["engine", "request", "connect", "event", "error"] {
        let target = format!("sansocket::{target}");
        assert!(lines.iter().any(|line| line.starts_with(&target)), "nothing of {target}");
    }
    for line in lines {
        assert!(ids.iter().all(|id| !line.contains(id)), "{line}");
    }
}

/// A22: what a peer chose cannot forge a line of a log.
#[test]
fn a22_what_a_client_says_is_one_line_of_a_log() {
    const FORGED: &str = "\n\u{1b}[2J\u{2028}\u{85}sansocket::connect connected";
    let mut app = App::new();
    app.on("number", |_: u32| {});
    app.on("pick", |_: Choice| {});
    app.on("back", |socket: Socket, name: String| {
        let _ = socket.emit(&name, &name);
        let _ = socket.nsp().emit(&name, &name);
        Err::<(), _>(name)
    });
    app.namespace("/{name}").on_connect(|socket: Socket| {
        let error = socket.auth::<Choice>().unwrap_err();
        Err::<(), _>(Refusal::new(error.to_string()))
    });
    let stage = Stage::new(app);
    let lines = Log::of(|| {
        let mut client = stage.stream();
        client.ask("GET", POLLING, "Origin: http://evil.example/\u{85}\r\n", "");
        let mut client = stage.stream();
        client.upgrade("");
        client.send("40");
        let forged = serde_json::to_string(FORGED).unwrap();
        for packet in [
            format!("42[{forged},1]"),
            format!("42[\"number\",{forged}]"),
            format!("42[\"pick\",{forged}]"),
            format!("42[\"back\",{forged}]"),
            // White space of JSON.
            format!("42[\"number\",\n{forged}]"),
            format!("40/a{},{{\"a\":{forged}}}", FORGED.replace('\n', "\r")),
            format!("40/b{FORGED},{forged}"),
        ] {
            client.put(frame(0x81, packet.as_bytes()));
        }
        stage.run();
        drop(client);
    });
    for says in ["no handler", "received", "sent", "broadcast", "refused", "handler of"] {
        assert!(lines.iter().any(|line| line.contains(says)), "nothing about {says}: {lines:#?}");
    }
    for line in lines {
        let forged = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        assert!(!line.contains(forged), "{line:?}");
    }
}

/// A32: what a client does wrong costs a few lines, however often it does it and however much it
/// sends along. Others have their lines; omitted lines are counted.
#[test]
fn a32_what_a_client_does_wrong_costs_a_few_short_lines() {
    const TIMES: usize = 300;
    let text = "x".repeat(20_000);
    let noise = [
        format!("42[\"number\",\"{text}\"]"),
        format!("42[\"{text}\",1]"),
        format!("42[\"back\",\"{text}\"]"),
        "42[\"panic\"]".to_owned(),
    ];
    let mut app = App::new();
    app.on("number", |_: u32| {});
    app.on("back", |text: String| Err::<(), _>(text));
    app.on("panic", || -> () { std::panic::resume_unwind(Box::new("x".repeat(20_000))) });
    app.namespace("/closed").on_connect(|socket: Socket| {
        Err::<(), _>(Refusal::new(socket.auth::<u32>().unwrap_err().to_string()))
    });
    let stage = Stage::new(app);
    let client = |host: u8| {
        let mut client = stage.stream_from(Some(([203, 0, 113, host], 1).into()));
        client.upgrade("");
        client.send("40");
        client
    };
    let lines = Log::of(|| {
        let (mut noisy, mut other) = (client(1), client(2));
        for _ in 0..TIMES {
            noise.iter().for_each(|packet| noisy.put(frame(0x81, packet.as_bytes())));
            noisy.put(frame(0x81, format!("40/closed,{{\"a\":\"{text}\"}}").as_bytes()));
            let refused = format!("Origin: http://{}.example\r\n", "o".repeat(5000));
            stage.stream_from(Some(([203, 0, 113, 1], 2).into())).ask("GET", POLLING, &refused, "");
            stage.run();
        }
        noise.iter().for_each(|packet| other.put(frame(0x81, packet.as_bytes())));
        stage.pass(11);
    });
    let of = |target: &str, says: &str| {
        let of = lines.iter().filter(|line| line.starts_with(target) && line.contains(says));
        of.count()
    };
    // Eight lines about the client that repeats it, and each line about the other.
    assert_eq!(of("sansocket::error", "handler of"), 8 + 3);
    assert_eq!(of("sansocket::event", "no handler id"), 8 + 1);
    assert_eq!(of("sansocket::connect", "refused id"), 8);
    assert_eq!(of("sansocket::request", "refused status"), 8);
    for (target, times) in [("error", 3), ("event", 1), ("connect", 1), ("request", 1)] {
        let left_out = times * TIMES - 8;
        let told = format!(" left_out={left_out} most={left_out} by 203.0.113.1");
        assert_eq!(of(&format!("sansocket::{target}"), &told), 1, "{target}: {lines:#?}");
    }
    for line in &lines {
        assert!(line.len() < 1500, "{} bytes: {line}", line.len());
    }
}

#[derive(Debug, serde::Deserialize)]
enum Choice {}
