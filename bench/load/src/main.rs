//! Load for Socket.IO servers: one thread, epoll, every reply checked.
//!
//! Prints one JSON line per run. Ends with status 1 and a message when a reply is lost, reordered,
//! repeated or different from what the contract asks for.
//!
//! It shares no code with the servers, so that a change of one does not change what all are measured with, and its
//! readers know which bytes come next: an echo takes them 500 instructions. The client's end of the core, which
//! checks what it reads, takes 2900, most of what a server spends on it on the same machine; for an exchange of
//! sixteen packets on polling it is 3000 and 8600.

#![forbid(unsafe_code)]

mod broadcast;
mod cluster;
mod conn;
mod connect;
mod echo;
mod http;
mod idle;
mod options;
mod polling;
mod report;
mod session;
mod sessions;
mod usage;
mod window;
mod wire;

use options::{Options, Scenario};
use std::process::ExitCode;

/// A failed run, in words.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("load: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<String> {
    match options.scenario {
        Scenario::Echo | Scenario::Ack | Scenario::Binary | Scenario::Burst => echo::run(options),
        Scenario::Broadcast => broadcast::run(options),
        Scenario::Cluster => cluster::run(options),
        Scenario::Polling => polling::run(options),
        Scenario::Connect => connect::run(options),
        Scenario::Idle => idle::run(options),
        Scenario::Sessions => sessions::run(options),
    }
}

/// Any error as the words of a failed run.
fn words(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}
