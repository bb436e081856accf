//! A server that runs out of file descriptors.

use sansocket_app::Config;
use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::faults::echo;
use super::process::{report, spawn, stop, ticks};
use super::{Serve, start};
use crate::client::{Client, PATIENCE};

/// Set in the process that serves.
const SERVES: &str = "SANSOCKET_TEST_SERVES";

/// Set in a process of many clients: where they connect to.
const CROWDS: &str = "SANSOCKET_TEST_CROWDS";

/// Files that the process which serves may open.
const FILES: usize = 1024;

/// Clients of the crowd: about half of them wait in the queue of the listener.
const CROWD: usize = 2000;

/// Clients that come while there are no file descriptors wait until there are; those that are there
/// are served meanwhile, and nothing spins. `name` is the full name of the test, which is run again
/// in a process that may open few files, and in one that may open many.
pub fn a_lack_of_file_descriptors_passes(serve: Serve, name: &str) {
    if let Ok(address) = env::var(CROWDS) {
        let crowd: Vec<_> = (0..CROWD).map(|_| TcpStream::connect(&address).unwrap()).collect();
        report(format_args!("{} connected", crowd.len()));
        return;
    }
    if env::var_os(SERVES).is_some() {
        let (_io, address, _serving) = start(serve, echo(Config::default()));
        return report(address);
    }
    let (child, address) = spawn(name, &may_open(FILES), (SERVES, "yes"));
    let address: SocketAddr = address.parse().unwrap();
    let mut first = Client::connect(address);
    let (crowd, connected) = spawn(name, &may_open(2 * CROWD), (CROWDS, &address.to_string()));
    assert_eq!(connected, format!("{CROWD} connected"));
    let mut last = TcpStream::connect(address).unwrap();
    until_full(&child);
    last.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    // Half of the crowd waits, and so does this one.
    last.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(last.read(&mut [0]).is_err(), "the limit was not reached");
    let before = ticks(&child);
    thread::sleep(Duration::from_secs(1));
    // Of a hundred; a loop without a pause uses all it can get.
    let used = ticks(&child) - before;
    assert!(used <= 10, "{used} ticks for nothing");
    for n in 0..10 {
        first.post(&format!("42{n}[\"echo\",{n}]"));
        assert_eq!(first.poll(), format!("43{n}[{n}]"));
    }
    stop(crowd);
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut late = Client::on(last);
    assert_eq!(late.response().0, 404);
    let mut next = Client::connect(address);
    next.post("420[\"echo\",1]");
    assert_eq!(next.poll(), "430[1]");
    stop(child);
}

/// Limits the files that a process may open.
fn may_open(files: usize) -> String {
    format!("ulimit -n {files}")
}

/// Waits until a process has opened all the files it may.
fn until_full(child: &Child) {
    let patience = Instant::now() + PATIENCE;
    let folder = format!("/proc/{}/fd", child.id());
    while fs::read_dir(&folder).unwrap().count() < FILES {
        assert!(Instant::now() < patience, "there are files left");
        thread::sleep(Duration::from_millis(5));
    }
}
