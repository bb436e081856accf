//! Clients on rust_socketio, as bench/clients drives them: `peer-rust_socketio URL echo|connect|idle CLIENTS IN_FLIGHT`

use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Payload, TransportType};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = std::env::args().skip(1).collect::<Vec<_>>();
    let [url, scenario, clients, in_flight] = &args[..] else { fail("four arguments, please") };
    let in_flight = in_flight.parse().expect("a number");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    println!("started");
    lines.next_line().await.expect("standard input");
    let mut all = Vec::new();
    for _ in 0..clients.parse::<usize>().expect("a number") {
        all.push(dial(url).await);
    }
    println!("ready");
    let turns = all.into_iter().map(|client| {
        let (url, scenario) = (url.clone(), scenario.clone());
        tokio::spawn(async move {
            match scenario.as_str() {
                "echo" => client.echo(in_flight).await,
                "connect" => client.reconnect(&url).await,
                _ => std::future::pending().await,
            }
        })
    });
    let turns = turns.collect::<Vec<_>>();
    while lines.next_line().await.expect("standard input").is_some() {
        println!("{}", DONE.load(Relaxed));
    }
    SENDING.store(false, Relaxed);
    for turn in turns {
        if scenario != "idle" {
            turn.await.expect("no panic");
        }
    }
    std::process::exit(0);
}

struct Dialed {
    client: Client,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    greeted: Notify,
    sent: AtomicU64,
    received: AtomicU64,
    ended: Notify,
}

/// A client that the server has greeted.
async fn dial(url: &str) -> Dialed {
    let counts = Arc::new(Counts::default());
    let (greeting, echoing) = (counts.clone(), counts.clone());
    let client = ClientBuilder::new(url)
        .transport_type(TransportType::Websocket)
        .reconnect(false)
        .on("auth", move |_, _| {
            greeting.greeted.notify_one();
            async {}.boxed()
        })
        .on("message-back", move |payload, client| echoing.clone().came(payload, client).boxed())
        .connect()
        .await;
    let client = client.unwrap_or_else(|error| fail(&error.to_string()));
    counts.greeted.notified().await;
    Dialed { client, counts }
}

impl Dialed {
    /// Keeps messages in flight until none is sent any more and all have come back.
    async fn echo(self, in_flight: usize) {
        for _ in 0..in_flight {
            self.counts.send(&self.client).await;
        }
        self.counts.ended.notified().await;
    }

    async fn reconnect(mut self, url: &str) {
        loop {
            self.client.disconnect().await.unwrap_or_else(|error| fail(&error.to_string()));
            DONE.fetch_add(1, Relaxed);
            if !SENDING.load(Relaxed) {
                return;
            }
            self = dial(url).await;
        }
    }
}

impl Counts {
    async fn send(&self, client: &Client) {
        let number = self.sent.fetch_add(1, Relaxed);
        let sent = client.emit("message", vec![json!(number), json!(TEXT)]).await;
        sent.unwrap_or_else(|error| fail(&error.to_string()));
    }

    async fn came(self: Arc<Self>, payload: Payload, client: Client) {
        let expected = self.received.fetch_add(1, Relaxed);
        match payload {
            Payload::Text(args) if args[..] == [json!(expected), Value::from(TEXT)] => {}
            other => fail(&format!("wrong reply {other:?} instead of {expected}")),
        }
        DONE.fetch_add(1, Relaxed);
        if SENDING.load(Relaxed) {
            self.send(&client).await;
        } else if expected + 1 == self.sent.load(Relaxed) {
            self.ended.notify_one();
        }
    }
}

fn fail(why: &str) -> ! {
    eprintln!("client: {why}");
    std::process::exit(1);
}

static DONE: AtomicU64 = AtomicU64::new(0);
static SENDING: AtomicBool = AtomicBool::new(true);

const TEXT: &str = "abcdefghijklmnopqrstuvwxyz012345";
