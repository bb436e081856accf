//! Events that no client asked for: a task that ticks, and a thread of its own that reads lines. The
//! page is in `examples/background_push`.

use sansocket_app::{App, Config, Io, Socket};
use serde::Serialize;
use std::io::BufRead;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::pages;

/// The application: clients choose the topics they receive.
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.files(pages::files("background_push"));
    app.on_connect(|socket: Socket| {
        // One argument that is a list: an array would be several. A client that has left receives
        // nothing.
        let _ = socket.emit("symbols", SYMBOLS.as_slice());
    });
    app.on("subscribe", |socket: Socket, symbol: String| {
        SYMBOLS.contains(&&*symbol) && socket.join(symbol).is_ok()
    });
    app.on("unsubscribe", |socket: Socket, symbol: String| socket.leave(symbol));
    app
}

#[derive(Serialize)]
struct Tick {
    symbol: &'static str,
    price: f64,
}

const SYMBOLS: [&str; 3] = ["ACME", "INIT", "UMBR"];

/// Time between two prices.
const BEAT: Duration = Duration::from_secs(1);

/// Starts the task that pushes prices. It ends with the runtime.
pub fn tick(io: &Io) {
    let ticking = io.clone();
    io.spawn(async move {
        for beat in 0.. {
            for (symbol, period) in SYMBOLS.into_iter().zip([7.0, 11.0, 13.0]) {
                let tick = Tick { symbol, price: price(beat, period) };
                // Another value follows soon: a slow client may miss this one.
                let _ = ticking.to(symbol).volatile().emit("tick", &tick);
            }
            ticking.sleep(BEAT).await;
        }
    });
}

/// Starts a thread that sends each line to all clients, until the input ends. It knows nothing of
/// the runtime.
#[must_use]
pub fn announce(io: &Io, lines: impl BufRead + Send + 'static) -> JoinHandle<()> {
    let io = io.clone();
    thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if let Err(error) = io.emit("news", &line) {
                eprintln!("not announced: {error}");
            }
        }
    })
}

/// A price that goes up and down around 100, in cents.
fn price(beat: u32, period: f64) -> f64 {
    let swing = (f64::from(beat) / period).sin();
    (10_000.0 + 1_000.0 * swing).round() / 100.0
}
