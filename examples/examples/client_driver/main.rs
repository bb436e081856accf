//! The client driver on the bare core: see [`examples::driver`].

#[path = "../client_loop/mod.rs"]
mod client_loop;
mod driver;

use client_loop::Streams;
use driver::Driver;
use examples::driver::{Command, Line, Report, read};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let mut streams = Streams::new()?;
    // It lives as long as the loop: a wake by one that is dropped may be missed.
    let waker = Arc::new(streams.waker()?);
    let wake = waker.clone();
    let (sender, lines) = channel();
    Report::Ready { client: "core" }.print();
    read(move |line| sender.send(line).is_ok() && wake.wake().is_ok());
    let Some(mut driver) = opened(&lines)? else { return Ok(()) };
    loop {
        let input = take(&lines, &mut driver);
        driver.settle(&mut streams);
        if input == Input::Ended {
            break;
        }
        let due = driver.due();
        streams.wait(&mut driver.client, due)?;
        driver.run_due(Instant::now());
    }
    drop(waker);
    let end = Instant::now() + FAREWELL;
    driver.client.close(Instant::now());
    loop {
        driver.settle(&mut streams);
        if driver.client.is_idle() && streams.is_empty() || Instant::now() >= end {
            return Ok(());
        }
        streams.wait(&mut driver.client, Some(end))?;
    }
}

/// Time for the last bytes; the driver ends within a second.
const FAREWELL: Duration = Duration::from_millis(700);

/// Waits for the command that makes the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others need a client")]
fn opened(lines: &Receiver<Line>) -> io::Result<Option<Driver>> {
    while let Ok(Line::Command(op, command)) = lines.recv() {
        match *command {
            Command::Open { url, options } => {
                if let Some(driver) = Driver::open(&url, &options)? {
                    return Ok(Some(driver));
                }
            }
            Command::Sync { tag } => Report::Sync { tag: &tag }.print(),
            Command::Simple(_) => examples::driver::unsupported(&op, None),
            _ => {
                let message = Some("open comes first");
                Report::Error { op: &op, option: None, error: "failed", message }.print();
            }
        }
    }
    Ok(None)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Input {
    Goes,
    Ended,
}

/// Carries out the commands that were read.
fn take(lines: &Receiver<Line>, driver: &mut Driver) -> Input {
    loop {
        match lines.try_recv() {
            Ok(Line::Command(op, command)) => driver.command(Instant::now(), &op, *command),
            Ok(Line::End) | Err(TryRecvError::Disconnected) => return Input::Ended,
            Err(TryRecvError::Empty) => return Input::Goes,
        }
    }
}
