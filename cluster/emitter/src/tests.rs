use bytes::Bytes;
use sansocket::cluster::bus::Payload;
use sansocket_bus::{BrokerError, Command, Link};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::*;

/// A broker in the memory of the process.
struct Memory {
    /// How often it cannot be reached before it can.
    failures: u32,
    /// What it got.
    got: Sender<(String, Payload<'static>)>,
    /// Confirms nothing while it is shut.
    gate: Gate,
}

#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn shut(&self, is_shut: bool) {
        *self.0.0.lock().unwrap() = is_shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |is_shut| *is_shut).unwrap());
    }
}

fn memory() -> (Memory, Receiver<(String, Payload<'static>)>) {
    let (got, receiver) = channel();
    (Memory { failures: 0, got, gate: Gate::default() }, receiver)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Broker for Memory {
    fn address(&self) -> String {
        "memory".into()
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(BrokerError::new("not there"));
        }
        link.connected(None);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match link.poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(None) => return Ok(()),
                Poll::Ready(Some(Command::Publish { channel, payload, .. })) => {
                    self.got.send((channel, payload)).map_err(BrokerError::new)?;
                    self.gate.pass();
                    link.published(Some(1));
                }
                Poll::Ready(Some(Command::Ping)) => link.pong(),
                Poll::Ready(Some(_)) => return Err(BrokerError::new("given up")),
                Poll::Pending => thread::park(),
            }
        }
    }
}

fn text((channel, payload): (String, Payload<'static>)) -> (String, String) {
    let Payload::Bytes(bytes) = payload else { panic!("it is an entry") };
    (channel, String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn everything_arrives_in_order_and_a_flush_tells() {
    let (broker, got) = memory();
    let emitter = Emitter::connect(broker, EmitterConfig::new(Format::Sharded)).unwrap();
    emitter.emit("all", &(1, "x")).unwrap();
    emitter.of("chat").to(["a", "b"]).except("c").emit("some", &()).unwrap();
    emitter.to("r1").emit("raw", Args::from_json("[[1]]", Vec::new()).unwrap()).unwrap();
    emitter.to("r1").join("r2").unwrap();
    emitter.of("/chat").disconnect_and_close().unwrap();
    emitter.server_emit("note", &7).unwrap();
    emitter.close_room("r9").unwrap();
    emitter.flush().wait().unwrap();
    let expected = [
        (
            "socket.io#/#",
            r#"{"type":3,"data":{"packet":{"type":2,"data":["all",1,"x"]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"emitter","nsp":"/"}"#,
        ),
        (
            "socket.io#/chat#",
            r#"{"type":3,"data":{"packet":{"type":2,"data":["some"]},"opts":{"rooms":["a","b"],"except":["c"],"flags":{}}},"uid":"emitter","nsp":"/chat"}"#,
        ),
        (
            "socket.io#/#r1#",
            r#"{"type":3,"data":{"packet":{"type":2,"data":["raw",[1]]},"opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"emitter","nsp":"/"}"#,
        ),
        (
            "socket.io#/#",
            r#"{"type":4,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["r2"]},"uid":"emitter","nsp":"/"}"#,
        ),
        (
            "socket.io#/chat#",
            r#"{"type":6,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"close":true},"uid":"emitter","nsp":"/chat"}"#,
        ),
        ("socket.io#/#", r#"{"type":9,"data":{"packet":["note",7]},"uid":"emitter","nsp":"/"}"#),
        (
            "socket.io#/#",
            r#"{"type":5,"data":{"opts":{"rooms":["r9"],"except":[],"flags":{}},"rooms":["r9"]},"uid":"emitter","nsp":"/"}"#,
        ),
    ];
    for (channel, message) in expected {
        assert_eq!(text(got.recv().unwrap()), (channel.to_owned(), message.to_owned()));
    }
    drop(emitter);
    assert!(got.recv().is_err(), "the thread of the broker has ended");
}

#[test]
fn binary_becomes_attachments() {
    let (broker, got) = memory();
    let emitter = Emitter::connect(broker, EmitterConfig::new(Format::Python)).unwrap();
    emitter.emit("blob", &Bytes::from_static(b"\0\xff")).unwrap();
    let (channel, message) = text(got.recv().unwrap());
    assert_eq!(channel, "socketio");
    let data = r#""data":[[{"_placeholder":true,"num":0}],"AP8="],"binary":true"#;
    assert!(message.replace(": ", ":").replace(", ", ",").contains(data), "{message}");
}

#[test]
fn a_flush_is_a_future_for_any_runtime() {
    let (broker, _got) = memory();
    let emitter = Emitter::start(broker, EmitterConfig::default()).unwrap();
    emitter.emit("x", &()).unwrap();
    smol::block_on(emitter.flush()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    emitter.emit("x", &()).unwrap();
    let flush = emitter.flush();
    drop(emitter);
    runtime.block_on(runtime.spawn(flush)).unwrap().unwrap();
}

#[test]
fn what_is_sent_before_the_broker_is_there_waits_for_it() {
    let (mut broker, got) = memory();
    broker.failures = 2;
    let emitter = Emitter::start(broker, EmitterConfig::default()).unwrap();
    emitter.emit("x", &1).unwrap();
    emitter.flush().wait().unwrap();
    assert!(got.try_recv().is_ok());
    assert!(emitter.counts().connected);
}

#[test]
fn messages_that_wait_for_too_long_are_told_by_the_flush() {
    let (mut broker, _got) = memory();
    broker.failures = u32::MAX;
    let mut config = EmitterConfig::new(Format::Native);
    config.age = Duration::from_millis(50);
    let emitter = Emitter::start(broker, config).unwrap();
    emitter.emit("x", &1).unwrap();
    let lost = emitter.flush().wait().unwrap_err();
    assert_eq!((lost.count, lost.last), (1, Loss::Expired));
}

#[test]
fn a_broker_that_is_not_there_is_an_error_within_five_seconds() {
    let (mut broker, _got) = memory();
    broker.failures = u32::MAX;
    let error = Emitter::connect(broker, EmitterConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), "memory could not be reached: not there");
}

#[test]
fn a_flush_waits_for_the_broker() {
    let (broker, got) = memory();
    let gate = broker.gate.clone();
    gate.shut(true);
    let emitter = Emitter::connect(broker, EmitterConfig::default()).unwrap();
    emitter.emit("x", &1).unwrap();
    got.recv().unwrap();
    let mut flush = Box::pin(emitter.flush());
    let mut poll = || flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    gate.shut(false);
    while poll().is_pending() {
        thread::yield_now();
    }
}

#[test]
fn who_no_longer_waits_for_a_flush_is_forgotten() {
    struct Nothing;
    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }
    let (broker, got) = memory();
    let gate = broker.gate.clone();
    gate.shut(true);
    let emitter = Emitter::connect(broker, EmitterConfig::default()).unwrap();
    emitter.emit("x", &1).unwrap();
    got.recv().unwrap();
    let wakers = [(); 1000].map(|()| Arc::new(Nothing));
    for waker in &wakers {
        let waker = Waker::from(waker.clone());
        let mut flush = Box::pin(emitter.flush());
        for _ in 0..2 {
            assert!(flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert!(wakers.iter().all(|waker| Arc::strong_count(waker) == 1));
    gate.shut(false);
}

#[test]
fn errors_are_told_at_once() {
    let (broker, _got) = memory();
    let emitter = Emitter::connect(broker, EmitterConfig::new(Format::Python)).unwrap();
    let unsupported = emitter.server_emit("note", &()).unwrap_err();
    assert!(matches!(unsupported, EmitError::Bus(BusError::Unsupported(_))));
    assert_eq!(
        unsupported.to_string(),
        "a cluster with messages in the format of python-socketio has no events between servers"
    );
    let reserved = emitter.emit("connect", &()).unwrap_err();
    assert_eq!(reserved, EmitError::Misuse(Misuse::ReservedEvent));
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(emitter.emit("x", &map), Err(EmitError::Encode(_))));
}
