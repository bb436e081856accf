//! Processes of their own, for tests of what happens to a whole process: a test is run again in a
//! child, which reads its task from the environment.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::PATIENCE;

/// Says something to the parent, and waits until it closes its end.
pub(super) fn report(what: impl fmt::Display) {
    println!("\nreport: {what}");
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

/// The program of the tests, told to run one of them again.
pub(super) fn again(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", without_crate(name), "--nocapture"]);
    command
}

/// Runs a test again, in a process that a shell prepares, and returns what that reports. `name` is the
/// full name of the test.
pub(super) fn spawn(name: &str, prepare: &str, (key, value): (&str, &str)) -> (Child, String) {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"{prepare}; exec "$0" --exact "$1" --nocapture"#)])
        .arg(env::current_exe().unwrap())
        .arg(without_crate(name))
        .env(key, value);
    start(&mut command)
}

/// The name of a test as its program knows it.
fn without_crate(name: &str) -> &str {
    name.split_once("::").expect("the crate comes first").1
}

/// Starts a process, and returns its report.
pub(super) fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines.map_while(Result::ok);
    let reported = told.find_map(|line| Some(line.strip_prefix("report: ")?.to_owned()));
    // What else it says is of no interest, but must not block it.
    thread::spawn(move || told.for_each(drop));
    (child, reported.expect("it reports"))
}

/// Pauses a process, and returns once none of its threads runs.
pub(super) fn pause(child: &Child) {
    signal(child, "STOP");
    let patience = Instant::now() + PATIENCE;
    while fields(child)[0] != "T" {
        assert!(Instant::now() < patience, "it is not stopped");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends the pause of a process.
pub(super) fn resume(child: &Child) {
    signal(child, "CONT");
}

/// The processor time a process has used, in hundredths of a second.
pub(super) fn ticks(child: &Child) -> u64 {
    fields(child)[11..13].iter().map(|time| time.parse::<u64>().expect("a number")).sum()
}

/// Ends a process that has reported.
pub(super) fn stop(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(done.unwrap().success());
}

/// What the system tells of a process, from its state on: proc_pid_stat(5).
fn fields(child: &Child) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // The name, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(") ").expect("the name comes second");
    fields.split(' ').map(str::to_owned).collect()
}
