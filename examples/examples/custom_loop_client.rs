//! A client of the core in an event loop of its own: what the loop does is here, what it does with sockets is in
//! the folder `client_loop`.
//!
//! It greets the server on port 3000, such as that of the example `custom_loop`, and shows what comes back:
//! `cargo run -p examples --example custom_loop_client`.

mod client_loop;

use client_loop::Streams;
use sansocket::ArgsRef;
use sansocket::client::{Answer, Client, Config, Endpoint, Event};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let endpoint = Endpoint::parse("http://localhost:3000").map_err(io::Error::other)?;
    let mut seed = [0; 32]; // what masks frames follows from it, so it must be unpredictable
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let now = Instant::now();
    let mut client = Client::new(Arc::new(Config::new(endpoint)), seed, now);
    let main = client.namespace("/").map_err(io::Error::other)?;
    if let Some(mut socket) = client.socket(now, main) {
        socket.join();
    }

    let mut streams = Streams::new()?;
    loop {
        let now = Instant::now();
        while let Some(event) = client.poll_event() {
            on_event(now, &mut client, &event)?;
        }
        while let Some(action) = client.poll_action() {
            streams.act(now, &mut client, &action);
        }
        if client.is_drained() {
            streams.wait(&mut client, None)?;
        }
    }
}

/// What happened: greet the server whenever it lets the client in.
#[expect(clippy::wildcard_enum_match_arm, reason = "a greeting needs no other events")]
fn on_event(now: Instant, client: &mut Client, event: &Event) -> io::Result<()> {
    match event {
        Event::Connected { namespace, .. } => {
            let args = ArgsRef::from_valid(r#"["hello","world"]"#, &[]);
            if let Some(mut socket) = client.socket(now, *namespace) {
                socket.emit("greeting", args).map_err(io::Error::other)?;
                let patience = Some(Duration::from_secs(10));
                socket.emit_with_ack("question", args, patience).map_err(io::Error::other)?;
            }
        }
        Event::Message { message, .. } => println!("{} {}", message.name(), message.json()),
        Event::Answer { answer: Answer::Args(args), .. } => println!("answer {}", args.json()),
        Event::ConnectFailed { fault, .. } => println!("not connected: {fault}"),
        Event::Disconnected { reason, .. } => println!("disconnected: {reason}"),
        _ => {}
    }
    Ok(())
}
