//! A server that runs out of file descriptors.

use sansocket_app::Config;
use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::faults::echo;
use super::{Serve, start};
use crate::client::{Client, PATIENCE};

/// Set in the process that serves.
const SERVES: &str = "SANSOCKET_TEST_SERVES";

/// Clients that come while there are no file descriptors wait until there are; those that are there
/// are served meanwhile, and nothing spins. `name` is the full name of the test, which is run again
/// in a process that may open few files.
pub fn a_lack_of_file_descriptors_passes(serve: Serve, name: &str) {
    if env::var_os(SERVES).is_some() {
        let (_io, address, _serving) = start(serve, echo(Config::default()));
        println!("\nlistening on {address}");
        // Until the parent closes its end.
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
        return;
    }
    let (child, address) = spawn(name);
    let mut first = Client::connect(address);
    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut last = TcpStream::connect(address).unwrap();
    last.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    // All of the crowd but the first few wait, and so does this one.
    io::Write::write_all(&mut last, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
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
    drop(crowd);
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut late = Client { stream: last, sid: String::new() };
    assert_eq!(late.response().0, 404);
    let mut next = Client::connect(address);
    next.post("420[\"echo\",1]");
    assert_eq!(next.poll(), "430[1]");
    stop(child);
}

fn spawn(name: &str) -> (Child, SocketAddr) {
    let (_, name) = name.split_once("::").expect("the crate comes first");
    let mut child = Command::new("sh")
        .args(["-c", r#"ulimit -n 64; exec "$0" --exact "$1" --nocapture"#])
        .arg(env::current_exe().unwrap())
        .arg(name)
        .env(SERVES, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines.map_while(Result::ok);
    let address = told.find_map(|line| line.strip_prefix("listening on ")?.parse().ok());
    // What else it says is of no interest, but must not block it.
    thread::spawn(move || told.for_each(drop));
    (child, address.expect("it serves"))
}

/// The processor time a process has used, in hundredths of a second: proc_pid_stat(5).
fn ticks(child: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // The name, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(") ").expect("the name comes second");
    let times = fields.split(' ').skip(11).take(2);
    times.map(|time| time.parse::<u64>().expect("a number")).sum()
}

fn stop(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
