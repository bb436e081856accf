use std::time::{Duration, Instant};

use super::*;
use crate::cluster::bus::{Body, Flags, Format, Payload, To};
use crate::cluster::{BusError, Command, Disconnect};
use crate::error::Misuse;
use crate::socket::{Args, EventMessage};

/// An emitter in virtual time.
struct Sim {
    emitter: Emitter,
    now: Instant,
}

impl Sim {
    #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
    fn new(config: EmitterConfig) -> Self {
        Self { emitter: Emitter::new(config, [7; 32]), now: Instant::now() }
    }

    /// One whose broker is connected.
    fn up(format: Format) -> Self {
        let mut sim = Self::new(EmitterConfig::new(format));
        sim.connect();
        assert_eq!(sim.emitter.poll_event(), Some(EmitterEvent::Connected { dropped: 0 }));
        sim
    }

    fn connect(&mut self) {
        self.emitter.handle_connected(self.now, None);
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.emitter.handle_timeout(self.now);
    }

    fn emit_to(&mut self, to: To, json: &str) -> Result<(), EmitterError> {
        let event = event("news", json);
        self.emitter.emit(self.now, "/", to, event, Flags::default())
    }

    fn emit(&mut self, json: &str) {
        self.emit_to(To::default(), json).expect("it is sent");
    }

    fn emit_volatile(&mut self) {
        let flags = Flags { volatile: true, ..Flags::default() };
        let event = event("news", "[0]");
        self.emitter.emit(self.now, "/", To::default(), event, flags).expect("it is sent");
    }

    fn command(&mut self) -> Option<Command> {
        self.emitter.poll_command(self.now)
    }

    /// The channel and the text of the next message for the broker.
    fn published(&mut self) -> Option<(String, String)> {
        let Command::Publish { channel, payload, .. } = self.command()? else {
            panic!("it is no message")
        };
        let Payload::Bytes(bytes) = payload else { panic!("it is an entry") };
        Some((channel, String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn confirm(&mut self) {
        self.emitter.handle_published(self.now, Some(1));
    }

    fn outcome(&mut self, flush: &Flush) -> Option<Result<(), Unconfirmed>> {
        self.emitter.poll_flush(flush)
    }
}

fn event(name: &str, json: &str) -> EventMessage {
    EventMessage::from_args(name, Args::from_json(json, Vec::new()).expect("an array").as_ref())
}

fn to(rooms: &[&str], except: &[&str]) -> To {
    let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
    To { rooms: names(rooms), except: names(except) }
}

fn lost(count: u64, last: Loss) -> Option<Result<(), Unconfirmed>> {
    Some(Err(Unconfirmed { count, last }))
}

const DONE: Option<Result<(), Unconfirmed>> = Some(Ok(()));

#[test]
fn messages_leave_in_the_order_of_the_calls() {
    let mut sim = Sim::up(Format::Python);
    sim.emit("[1]");
    sim.emitter.close_room(sim.now, "/", "r".into()).expect("it is sent");
    sim.emit("[2]");
    let texts: Vec<_> = std::iter::from_fn(|| sim.published()).map(|(_, text)| text).collect();
    assert!(texts[0].contains(r#""data": [1]"#) || texts[0].contains(r#""data":[1]"#));
    assert!(texts[1].contains("close_room"));
    assert!(texts[2].contains("[2]"));
    assert_eq!(texts.len(), 3);
}

#[test]
fn a_flush_is_done_when_everything_before_it_is_confirmed() {
    let mut sim = Sim::up(Format::Native);
    let nothing = sim.emitter.flush();
    assert_eq!(sim.outcome(&nothing), DONE);
    sim.emit("[1]");
    sim.emit("[2]");
    let flush = sim.emitter.flush();
    sim.emit("[3]");
    while sim.published().is_some() {}
    sim.confirm();
    assert_eq!(sim.outcome(&flush), None);
    sim.confirm();
    assert!(sim.emitter.has_outcome());
    assert_eq!(sim.outcome(&flush), DONE);
}

#[test]
fn what_was_begun_when_the_connection_broke_is_lost_and_not_repeated() {
    let mut sim = Sim::up(Format::Native);
    sim.emit("[1]");
    sim.emit("[2]");
    let flush = sim.emitter.flush();
    assert!(sim.published().is_some());
    assert!(sim.emitter.handle_lost(sim.now, "reset").is_some());
    assert_eq!(sim.command(), None);
    assert_eq!(sim.outcome(&flush), None);
    sim.connect();
    assert!(sim.published().is_some_and(|(_, text)| text.contains("[\"news\",2]")));
    assert_eq!(sim.published(), None);
    sim.confirm();
    assert_eq!(sim.outcome(&flush), lost(1, Loss::Broken));
    let next = sim.emitter.flush();
    assert_eq!(sim.outcome(&next), DONE);
}

#[test]
fn a_loss_before_a_flush_is_told_by_the_next_one_alone() {
    let mut sim = Sim::new(EmitterConfig::default());
    sim.emit("[1]");
    sim.pass(5000);
    let (first, second) = (sim.emitter.flush(), sim.emitter.flush());
    assert_eq!(sim.outcome(&first), lost(1, Loss::Expired));
    assert_eq!(sim.outcome(&second), DONE);
}

#[test]
fn a_flush_that_nobody_awaits_leaves_its_losses_to_the_next() {
    let mut sim = Sim::new(EmitterConfig::default());
    sim.emit("[1]");
    let flush = sim.emitter.flush();
    sim.pass(5000);
    sim.emitter.cancel(flush);
    assert!(!sim.emitter.has_outcome());
    let next = sim.emitter.flush();
    assert_eq!(sim.outcome(&next), lost(1, Loss::Expired));
}

#[test]
fn what_expires_behind_a_message_under_way_is_settled_after_it() {
    let mut sim = Sim::up(Format::Native);
    sim.emit("[1]");
    let flush = sim.emitter.flush();
    assert!(sim.published().is_some());
    sim.emit("[2]");
    sim.pass(4000);
    sim.emitter.handle_pong(sim.now);
    sim.pass(1000);
    assert_eq!(sim.outcome(&flush), None);
    sim.confirm();
    assert_eq!(sim.outcome(&flush), DONE);
    let next = sim.emitter.flush();
    assert_eq!(sim.outcome(&next), lost(1, Loss::Expired));
}

#[test]
fn the_newest_message_is_refused_when_the_queue_is_full() {
    let mut config = EmitterConfig::new(Format::Native);
    config.queue = 1000;
    let mut sim = Sim::new(config);
    let text = format!("[\"{}\"]", "x".repeat(500));
    sim.emit(&text);
    let full = EmitterError::Bus(BusError::Full { limit: 1000 });
    assert_eq!(sim.emit_to(To::default(), &text), Err(full));
    assert_eq!(sim.emitter.counts().dropped_full, 1);
    assert_eq!(sim.emitter.counts().queued, 1);
}

#[test]
fn volatile_events_give_way_and_never_wait_for_a_connection() {
    let mut config = EmitterConfig::new(Format::Native);
    config.queue = 1000;
    let mut sim = Sim::new(config);
    sim.emit_volatile();
    assert_eq!(sim.emitter.counts().queued, 0);
    sim.connect();
    sim.emit_volatile();
    sim.emit_volatile();
    sim.emit(&format!("[\"{}\"]", "x".repeat(600)));
    assert_eq!(sim.emitter.counts().queued, 1);
    let flush = sim.emitter.flush();
    assert!(sim.published().is_some());
    sim.confirm();
    assert_eq!(sim.outcome(&flush), DONE);
}

#[test]
fn a_broker_that_does_not_confirm_is_given_up_after_five_seconds() {
    let mut sim = Sim::up(Format::Native);
    sim.emit("[1]");
    assert!(sim.published().is_some());
    let flush = sim.emitter.flush();
    assert_eq!(sim.emitter.poll_timeout(), Some(sim.now + Duration::from_secs(5)));
    sim.pass(4999);
    assert_eq!(sim.command(), None);
    sim.pass(1);
    assert_eq!(sim.command(), Some(Command::Disconnect));
    assert_eq!(sim.command(), None);
    assert_eq!(sim.outcome(&flush), lost(1, Loss::Broken));
    // Too late.
    sim.confirm();
}

#[test]
fn an_idle_broker_is_pinged_and_given_up_when_it_is_silent() {
    let mut sim = Sim::up(Format::Native);
    sim.pass(5000);
    assert_eq!(sim.command(), Some(Command::Ping));
    assert_eq!(sim.command(), None);
    sim.emitter.handle_pong(sim.now);
    sim.pass(5000);
    assert_eq!(sim.command(), Some(Command::Ping));
    sim.pass(5000);
    assert_eq!(sim.command(), Some(Command::Disconnect));
}

#[test]
fn a_failure_is_told_once_a_minute_and_pauses_grow_to_five_seconds() {
    let mut sim = Sim::new(EmitterConfig::default());
    let mut pauses = Vec::new();
    let mut told = 0;
    for _ in 0..30 {
        let due = sim.emitter.handle_lost(sim.now, "refused").expect("another attempt");
        pauses.push(due - sim.now);
        sim.now = due;
        while sim.emitter.poll_event().is_some() {
            told += 1;
        }
    }
    assert!(pauses[0] <= Duration::from_millis(100) && pauses[0] >= Duration::from_millis(75));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(5)));
    assert!(pauses[10..].iter().all(|pause| *pause >= Duration::from_millis(3750)));
    let minutes = pauses.iter().sum::<Duration>().as_secs() / 60;
    assert_eq!(told, 1 + minutes);
}

#[test]
fn k23_a_channel_without_servers_is_told_of_once_a_minute() {
    let mut sim = Sim::up(Format::Classic);
    let unheard = |sim: &mut Sim| {
        sim.emit("[1]");
        assert!(sim.published().is_some());
        sim.emitter.handle_published(sim.now, Some(0));
        sim.emitter.poll_event()
    };
    let expected = Some(EmitterEvent::Unheard { channel: "socket.io#/#".into() });
    assert_eq!(unheard(&mut sim), expected);
    sim.pass(59_000);
    assert_eq!(unheard(&mut sim), None);
    sim.pass(1000);
    assert_eq!(unheard(&mut sim), expected);
}

#[test]
fn the_channel_of_a_room_may_be_without_servers() {
    let mut sim = Sim::up(Format::Sharded);
    sim.emit_to(to(&["r1"], &[]), "[1]").expect("it is sent");
    assert_eq!(sim.published().map(|(channel, _)| channel).as_deref(), Some("socket.io#/#r1#"));
    sim.emitter.handle_published(sim.now, Some(0));
    assert_eq!(sim.emitter.poll_event(), None);
}

#[test]
fn a_message_is_held_against_the_limit_of_the_broker() {
    let mut sim = Sim::new(EmitterConfig::default());
    let text = format!("[\"{}\"]", "x".repeat(500));
    sim.emit(&text);
    let flush = sim.emitter.flush();
    sim.emitter.handle_connected(sim.now, Some(300));
    assert_eq!(sim.published(), None);
    assert_eq!(sim.outcome(&flush), lost(1, Loss::Refused));
    let Err(EmitterError::Bus(BusError::TooLarge { size, limit: 300 })) =
        sim.emit_to(To::default(), &text)
    else {
        panic!("it is too large")
    };
    assert!(size > 500);
}

#[test]
fn k19_what_a_format_has_no_words_for_is_refused_at_once() {
    let mut sim = Sim::up(Format::Python);
    let now = sim.now;
    let one = to(&["lNq2mZ-gqIMqyAgvAAAB"], &[]);
    let close = Body::Disconnect { to: one.clone(), how: Disconnect::Connection };
    let several = Body::Join { to: one, rooms: vec!["a".into(), "b".into()] };
    let many = Body::Join { to: to(&["a", "b"], &[]), rooms: vec!["c".into()] };
    let refused = |result: Result<(), EmitterError>| {
        assert!(matches!(result, Err(EmitterError::Bus(BusError::Unsupported(_)))), "{result:?}");
    };
    for body in [close, several, many] {
        refused(sim.emitter.publish(now, "/", body));
    }
    refused(sim.emit_to(to(&[], &["a room"]), "[]"));
    refused(sim.emitter.server_emit(now, "/", event("note", "[]")));
    assert_eq!(sim.command(), None);
}

#[test]
fn no_client_gets_a_reserved_event_or_one_of_a_name_that_is_no_namespace() {
    let mut sim = Sim::up(Format::Classic);
    let emit = |sim: &mut Sim, namespace, name| {
        let event = event(name, "[]");
        sim.emitter.emit(sim.now, namespace, To::default(), event, Flags::default())
    };
    assert_eq!(emit(&mut sim, "/", "connect"), Err(Misuse::ReservedEvent.into()));
    assert_eq!(emit(&mut sim, "chat", "news"), Err(Misuse::NotANamespace.into()));
    assert_eq!(emit(&mut sim, "/a,b", "news"), Err(Misuse::NotANamespace.into()));
}

#[test]
fn a_closed_emitter_is_done_when_the_broker_has_everything() {
    let mut sim = Sim::up(Format::Native);
    sim.emit("[1]");
    sim.emitter.close();
    assert!(!sim.emitter.is_done());
    assert!(sim.published().is_some());
    assert!(!sim.emitter.is_done());
    sim.confirm();
    assert!(sim.emitter.is_done());
}

#[test]
fn a_closed_emitter_waits_for_no_broker() {
    let mut sim = Sim::new(EmitterConfig::default());
    sim.emit("[1]");
    let flush = sim.emitter.flush();
    sim.emitter.close();
    assert!(sim.emitter.is_done());
    assert_eq!(sim.outcome(&flush), lost(1, Loss::Closed));
    assert_eq!(sim.emitter.handle_lost(sim.now, "refused"), None);
}
