//! What handlers get of a packet is no more than was received, whatever type they ask for.

use crate::streams::stage::{Stage, Stream};
use allocation_counter::{AllocationInfo, measure};
use sansocket::Bytes;
use sansocket_app::{App, EventMessage, RawRest, Rest, Socket};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_bytes::ByteBuf;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testbed::frame;

/// Attachments of a packet, as many as are allowed.
const MANY: usize = 10;

/// Bytes of each.
const LARGE: usize = 100_000;

/// Memory of a packet with [`MANY`] attachments, as a multiple of the bytes received: unread bytes of the
/// client, the attachments, and the decoded values, in lists that grow by doubling.
const TIMES: u64 = 5;

/// How much of binary a value holds.
trait Weigh {
    fn weigh(&self) -> usize;
}

macro_rules! weigh {
    ($([$($param:ident)*] $value:ident: $type:ty => $weight:expr;)*) => {$(
        impl<$($param: Weigh),*> Weigh for $type {
            fn weigh(&self) -> usize {
                let $value = self;
                $weight
            }
        }
    )*};
}

weigh! {
    [] bytes: Bytes => bytes.len();
    [] bytes: ByteBuf => bytes.len();
    [] file: File => file.body.len() + file.more.as_ref().map_or(0, |bytes| bytes.len());
    [] part: Part => match part { Part::Image(bytes) => bytes.len(), Part::Text(_) => 0 };
    [T] list: Vec<T> => list.iter().map(Weigh::weigh).sum();
    [T] list: Rest<T> => list.0.iter().map(Weigh::weigh).sum();
    [T] map: BTreeMap<String, T> => map.values().map(Weigh::weigh).sum();
    [T] option: Option<T> => option.as_ref().map_or(0, Weigh::weigh);
    [] message: EventMessage => message.attachments().iter().map(Bytes::len).sum();
    [] rest: RawRest => rest.0.attachments().iter().map(Bytes::len).sum();
    // A placeholder stays the object it is.
    [] _value: Value => 0;
}

#[derive(Deserialize)]
struct File {
    body: Bytes,
    more: Option<ByteBuf>,
}

#[derive(Deserialize)]
enum Part {
    Text(IgnoredAny),
    Image(ByteBuf),
}

/// A server whose handler takes a type, and counts calls and bytes of binary.
struct Listener {
    stage: Stage,
    calls: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl Listener {
    fn new<M>(on: impl FnOnce(&mut App, Arc<dyn Fn(&dyn Weigh) + Send + Sync>) -> M) -> Self {
        let (calls, bytes) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut app = App::new();
        let counts = (calls.clone(), bytes.clone());
        on(
            &mut app,
            Arc::new(move |value| {
                counts.0.fetch_add(1, Ordering::Relaxed);
                counts.1.fetch_add(value.weigh(), Ordering::Relaxed);
            }),
        );
        Self { stage: Stage::new(app), calls, bytes }
    }

    /// What a client's packet costs whose placeholders name these attachments.
    fn hear(&self, shape: fn(&[String]) -> String, names: &[usize]) -> AllocationInfo {
        let mut client = joined(&self.stage);
        let place = |num: &usize| format!(r#"{{"_placeholder":true,"num":{num}}}"#);
        let places: Vec<String> = names.iter().map(place).collect();
        let text = format!(r#"45{MANY}-["x",{}]"#, shape(&places));
        let mut sent = frame(0x81, text.as_bytes());
        (0..MANY).for_each(|_| sent.extend(frame(0x82, &[7; LARGE])));
        measure(|| client.put(sent))
    }

    /// How often something was heard, and how much binary, since it was last asked.
    fn heard(&self) -> (usize, usize) {
        (self.calls.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

fn joined(stage: &Stage) -> Stream {
    let mut client = stage.stream();
    client.upgrade("");
    client.send("40");
    stage.run();
    client
}

/// A handler of that type takes each attachment once, and no packet that names one twice.
fn takes_each_once(listener: &Listener, shape: fn(&[String]) -> String, binary: usize) {
    let all: Vec<usize> = (0..MANY).rev().collect();
    let info = listener.hear(shape, &all);
    assert_eq!(listener.heard(), (1, binary), "each is there");
    let received = (MANY * LARGE) as u64;
    assert!(info.bytes_max <= TIMES * received, "{} of {received}", info.bytes_max);
    let twice = [&all[..], &[0]].concat();
    let many = [7; 4000];
    for names in [&twice[..], &many] {
        let info = listener.hear(shape, names);
        assert_eq!(listener.heard(), (0, 0), "an attachment is named twice");
        assert!(info.bytes_max <= TIMES * received, "{} of {received}", info.bytes_max);
    }
}

fn typed<T: DeserializeOwned + Weigh + 'static>(shape: fn(&[String]) -> String, binary: usize) {
    let listener = Listener::new(|app, note| {
        app.on("x", move |value: T| note(&value));
    });
    takes_each_once(&listener, shape, binary);
}

fn list(places: &[String]) -> String {
    format!("[{}]", places.join(","))
}

fn arguments(places: &[String]) -> String {
    places.join(",")
}

fn map(places: &[String]) -> String {
    let members = places.iter().enumerate().map(|(n, place)| format!("\"{n}\":{place}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn files(places: &[String]) -> String {
    let pairs = places.chunks(2).map(|pair| match pair {
        [body, more] => format!(r#"{{"name":"x","body":{body},"more":{more}}}"#),
        rest => format!(r#"{{"body":{}}}"#, rest.concat()),
    });
    list(&pairs.collect::<Vec<_>>())
}

fn parts(places: &[String]) -> String {
    let parts = places.iter().map(|place| format!(r#"[[{{"Image":{place}}}],[{{"Text":""}}]]"#));
    list(&parts.collect::<Vec<_>>())
}

/// A27: an attachment that many placeholders name is a copy for each of them.
#[test]
fn a27_an_attachment_is_decoded_once_whatever_the_type() {
    const ALL: usize = MANY * LARGE;
    typed::<Vec<Bytes>>(list, ALL);
    typed::<Vec<ByteBuf>>(list, ALL);
    typed::<Vec<Option<Bytes>>>(list, ALL);
    typed::<BTreeMap<String, Bytes>>(map, ALL);
    typed::<BTreeMap<String, Option<ByteBuf>>>(map, ALL);
    typed::<Vec<File>>(files, ALL);
    typed::<Vec<Vec<Vec<Part>>>>(parts, ALL);
    typed::<Value>(list, 0);
    typed::<Vec<Value>>(files, 0);
    let listener = Listener::new(|app, note| {
        app.on("x", move |rest: Rest<Bytes>| note(&rest));
    });
    takes_each_once(&listener, arguments, ALL);
    let listener = Listener::new(|app, note| {
        app.on("x", move |rest: RawRest| note(&rest));
    });
    takes_each_once(&listener, arguments, ALL);
    let listener = Listener::new(|app, note| {
        app.on("x", move |_: Socket, message: EventMessage| note(&message));
    });
    takes_each_once(&listener, list, ALL);
}

/// A27: the same of an acknowledgement.
#[test]
fn a27_an_attachment_of_an_acknowledgement_is_named_once() {
    let heard = Arc::<AtomicUsize>::default();
    let mut app = App::new();
    app.on_connect(|| ());
    let stage = Stage::new(app);
    let names = |names: &[usize]| {
        let place = |num: &usize| format!(r#"{{"_placeholder":true,"num":{num}}}"#);
        names.iter().map(place).collect::<Vec<_>>().join(",")
    };
    for (named, answers) in [(&[1, 0][..], 1), (&[1, 0, 1], 0)] {
        let mut client = joined(&stage);
        let note = heard.clone();
        let socket = stage.io.of("/").local().sockets().pop().expect("it is there");
        let then = move |answer: Result<_, _>| {
            note.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
        };
        socket.emit_then("q", &(), std::time::Duration::from_secs(9), then).expect("it is sent");
        let question = client.take();
        let id: String = question.chars().skip_while(|c| *c != '2').skip(1).collect();
        let id = id.split('[').next().expect("a first part");
        client.send(&format!("462-{id}[[{}]]", names(named)));
        client.put(frame(0x82, b"0"));
        client.put(frame(0x82, b"1"));
        stage.run();
        assert_eq!(heard.swap(0, Ordering::Relaxed), answers, "{named:?}");
        drop(client);
    }
}

/// A27: what is no binary takes a multiple of its text that the type decides, and no more when there is
/// more of it.
#[test]
fn a27_a_value_is_no_more_than_a_constant_multiple_of_its_text() {
    // Objects with one member are the worst case of `Value`: a node of a tree for eight bytes.
    for (element, most) in [("{\"\":0}", 130), ("[]", 40), ("0", 50), ("\"\\u0001\"", 20)] {
        for many in [1_000, 100_000] {
            let listener = Listener::new(|app, note| {
                app.on("x", move |value: Value| note(&value));
            });
            let mut client = joined(&listener.stage);
            let text = format!("42[\"x\",[{}]]", vec![element; many].join(","));
            let sent = frame(0x81, text.as_bytes());
            let info = measure(|| client.put(sent));
            assert_eq!(listener.heard(), (1, 0));
            let times = info.bytes_max / text.len() as u64;
            println!("{many} of {element}: {times} times the text");
            assert!(times <= most, "{many} of {element}: {times} times the text");
        }
    }
}
