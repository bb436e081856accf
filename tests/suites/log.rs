//! A server whose standard error is a pipe without a reader.

use std::env;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sansocket_app::{App, Config};

use super::faults::echo;
use super::process::{again, report, start as run, stop};
use super::{Serve, start};
use crate::client::Client;

/// Set in the process that serves.
const SERVES: &str = "SANSOCKET_TEST_SERVES_UNHEARD";

/// A32: events that fit no handler are reported on standard error, and the server goes on while no process
/// reads that. `name` is the full name of the test, which is run again in a process of its own.
pub fn a32_a_log_that_nobody_reads_stalls_nobody(serve: Serve, name: &str) {
    if env::var_os(SERVES).is_some() {
        let mut app: App = echo(Config::default());
        app.on("number", |_: u32| {});
        let (_io, address, _serving) = start(serve, app);
        return report(address);
    }
    let (mut unread, full) = full_pipe();
    let (child, address) = run(again(name).env(SERVES, "yes").stderr(full));
    let address: SocketAddr = address.parse().unwrap();
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
    let noise = vec![r#"42["number","none"]"#; 1000].join("\u{1e}");
    for n in 0..4 {
        for client in &mut clients {
            client.post(&noise);
            client.post(&format!("42{n}[\"echo\",{n}]"));
            assert_eq!(client.poll(), format!("43{n}[{n}]"));
        }
    }
    // A reader that comes late finds the lines that were waiting.
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("sansocket: handler of \"number\"") {
        let mut piece = [0; 4096];
        let n = unread.read(&mut piece).unwrap();
        assert!(n > 0, "nothing was written");
        read.extend_from_slice(&piece[..n]);
    }
    drop(unread);
    drop(clients);
    stop(child);
}

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let (mut filling, filled) = (writer.try_clone().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = filled.clone();
    // It ends with the reader.
    thread::spawn(move || {
        while filling.write_all(b"x").is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut before = 0;
    loop {
        thread::sleep(Duration::from_millis(100));
        match filled.load(Ordering::Relaxed) {
            now if now > 0 && now == before => return (reader, writer),
            now => before = now,
        }
    }
}
