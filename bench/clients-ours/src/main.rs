//! Clients of ours, as bench/clients drives them: `bench-clients tokio|smol|threads URL
//! echo|connect|idle CLIENTS IN_FLIGHT`; and as bench/storm does, with `storm`: it says how many clients are joined.

use sansocket_tokio::client::{Backoff, Client, Manager, Socket, Transport};
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let args = std::env::args().skip(1).collect::<Vec<_>>();
    let [binding, url, scenario, clients, in_flight] = &args[..] else {
        fail("five arguments, please")
    };
    let open: Open = match binding.as_str() {
        "smol" => sansocket_async_std::open,
        "threads" => sansocket_blocking::open,
        _ => open_on_tokio,
    };
    let clients = clients.parse().expect("a number");
    let in_flight = in_flight.parse().expect("a number");
    let mut lines = std::io::stdin().lock().lines();
    println!("started");
    lines.next();
    let (ended, ends) = channel();
    let bench = Bench { open, client: client(url), ended };
    let all: Vec<Slot> = (0..clients).map(|_| Slot::default()).collect();
    for slot in &all {
        match scenario.as_str() {
            "connect" => bench.reconnect(slot),
            "echo" => slot.keep(bench.echo(&slot.counts)),
            "storm" => slot.keep(bench.stay()),
            _ => slot.keep((bench.open)(bench.client.clone())),
        }
    }
    let joined: Vec<_> = match scenario.as_str() {
        "connect" => Vec::new(),
        _ => all.iter().map(|slot| (slot.join(), &slot.counts)).collect(),
    };
    println!("ready");
    if scenario == "echo" {
        joined.iter().for_each(|(socket, counts)| (0..in_flight).for_each(|_| counts.send(socket)));
    }
    for _ in lines {
        println!("{}", DONE.load(Relaxed));
    }
    SENDING.store(false, Relaxed);
    if scenario == "echo" || scenario == "connect" {
        ends.iter().take(clients).for_each(drop);
    }
    std::process::exit(0);
}

type Open = fn(Client) -> Manager;

#[derive(Clone)]
struct Bench {
    open: Open,
    client: Client,
    ended: Sender<()>,
}

/// Keeps the client that has its turn.
#[derive(Clone, Default)]
struct Slot {
    client: Arc<Mutex<Option<Manager>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Bench {
    /// A client that sends the next message when one has come back, until none is sent any more and all have.
    fn echo(&self, counts: &Arc<Counts>) -> Manager {
        let (mut client, ended, counts) = (self.client.clone(), self.ended.clone(), counts.clone());
        client.on("message-back", move |socket: Socket, number: u64, text: String| {
            let expected = counts.received.fetch_add(1, Relaxed);
            if number != expected || text != TEXT {
                fail(&format!("wrong reply {number} instead of {expected}"));
            }
            DONE.fetch_add(1, Relaxed);
            if SENDING.load(Relaxed) {
                counts.send(&socket);
            } else if expected + 1 == counts.sent.load(Relaxed) {
                let _ = ended.send(());
            }
        });
        (self.open)(client)
    }

    /// A client that comes back, and is counted while it is joined.
    fn stay(&self) -> Manager {
        let mut client = self.client.clone();
        client.configure(|config| config.reconnect = Some(Backoff::default()));
        client.on_connect(|| {
            DONE.fetch_add(1, Relaxed);
        });
        client.on_disconnect(|| {
            DONE.fetch_sub(1, Relaxed);
        });
        (self.open)(client)
    }

    /// A client that ends when the server has greeted it, and makes room for the next.
    fn reconnect(&self, slot: &Slot) {
        let (mut client, bench, place) = (self.client.clone(), self.clone(), slot.clone());
        client.on("auth", move || {
            DONE.fetch_add(1, Relaxed);
            if SENDING.load(Relaxed) {
                bench.reconnect(&place);
            } else {
                let _ = bench.ended.send(());
            }
        });
        slot.keep((self.open)(client));
    }
}

impl Slot {
    /// Starts a client, and drops the one before.
    fn keep(&self, manager: Manager) {
        drop(manager.connect());
        let before = self.client.lock().expect("no panic").replace(manager);
        drop(before);
    }

    fn join(&self) -> Socket {
        let connecting = self.client.lock().expect("no panic").as_ref().map(Manager::connect);
        let joined = connecting.expect("it was started").wait();
        joined.unwrap_or_else(|error| fail(&error.to_string()))
    }
}

fn client(url: &str) -> Client {
    let mut client = Client::new(url).expect("a URL");
    client.configure(|config| {
        config.transports = vec![Transport::WebSocket];
        config.reconnect = None;
    });
    client
}

impl Counts {
    fn send(&self, socket: &Socket) {
        let number = self.sent.fetch_add(1, Relaxed);
        if let Err(error) = socket.emit("message", &(number, TEXT)) {
            fail(&error.to_string());
        }
    }
}

fn open_on_tokio(client: Client) -> Manager {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a thread")
    });
    let _inside = runtime.enter();
    sansocket_tokio::open(client)
}

fn fail(why: &str) -> ! {
    eprintln!("client: {why}");
    std::process::exit(1);
}

static DONE: AtomicU64 = AtomicU64::new(0);
static SENDING: AtomicBool = AtomicBool::new(true);

const TEXT: &str = "abcdefghijklmnopqrstuvwxyz012345";
