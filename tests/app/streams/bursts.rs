//! What is around the shards gives its memory back after a burst, although some clients stay.

use crate::streams::stage::{POLLING, Stage, Stream};
use allocation_counter::{AllocationInfo, measure};
use sansocket_app::{App, Socket};
use std::time::Duration;

const BURST: usize = 10_000;

/// Those that stay, wherever they stand.
const STAY: [usize; 5] = [0, 2_500, 5_000, 7_500, BURST - 1];

/// An application with handlers that touch every client.
fn app() -> App {
    let mut app = App::new();
    app.on_connect(|socket: Socket| {
        let _ = socket.join(["lobby", &format!("room of {}", socket.id())]);
        socket.session().set(vec![0_u8; 100]);
        let _ = socket.emit("welcome", &());
        drop(socket.emit_with_ack("q", &(), Duration::from_secs(60)));
    });
    app
}

/// Lets many come and all but a few go, and two minutes pass.
/// Returns the number of remaining clients, and their memory.
fn burst(
    come: impl Fn(&Stage) -> Stream,
    live: impl Fn(&mut Stream),
) -> (Stage, Vec<Stream>, AllocationInfo) {
    let stage = Stage::new(app());
    let mut streams: Vec<Option<Stream>> = Vec::with_capacity(BURST);
    let info = measure(|| {
        for _ in 0..BURST {
            streams.push(Some(come(&stage)));
            stage.run();
        }
        for at in (0..BURST).filter(|at| !STAY.contains(at)) {
            streams[at] = None;
            stage.run();
        }
        for _ in 0..8 {
            stage.pass(15);
            streams.iter_mut().flatten().for_each(&live);
        }
    });
    println!("{info:?}");
    (stage, streams.into_iter().flatten().collect(), info)
}

fn is_given_back(info: &AllocationInfo) {
    assert!(info.bytes_current * 10 <= info.bytes_max.cast_signed(), "{info:?}");
}

/// A31: a burst, of which a few stay on purpose so that nothing is given back.
#[test]
fn a31_a_burst_of_websockets_gives_its_memory_back_although_some_stay() {
    let come = |stage: &Stage| {
        let mut stream = stage.stream();
        stream.upgrade("");
        stream.send("40");
        stream
    };
    let (stage, _streams, info) = burst(come, |stream| {
        stream.take();
        stream.take();
        stream.send("3");
    });
    let [counts] = stage.io.counts()[..] else { panic!("there is one shard") };
    assert_eq!((counts.sockets, counts.rooms), (STAY.len(), 1 + STAY.len()));
    is_given_back(&info);
}

/// A31: the same of streams that carry no session.
#[test]
fn a31_a_burst_of_plain_streams_gives_its_memory_back_although_some_stay() {
    let come = |stage: &Stage| {
        let mut stream = stage.stream();
        stream.ask("GET", "/nothing", "", "");
        stream
    };
    let (_stage, _streams, info) = burst(come, |stream| {
        stream.ask("GET", "/nothing", "", "");
        assert!(stream.is_open());
    });
    is_given_back(&info);
}

/// A31: the same of polling clients, which vanish unnoticed.
#[test]
fn a31_a_burst_of_polling_clients_gives_its_memory_back() {
    let come = |stage: &Stage| {
        let mut stream = stage.stream();
        stream.ask("GET", POLLING, "", "");
        stream
    };
    let (_stage, _streams, info) = burst(come, |stream| {
        stream.ask("GET", "/nothing", "", "");
    });
    is_given_back(&info);
}
