//! Tests that run themselves again in a process of their own.

use std::env;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

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

/// The name of a test as its program knows it.
pub(super) fn without_crate(name: &str) -> &str {
    name.split_once("::").expect("the crate comes first").1
}

/// Starts a process, and returns what it reports.
pub(super) fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines.map_while(Result::ok);
    let reported = told.find_map(|line| Some(line.strip_prefix("report: ")?.to_owned()));
    // What else it says is of no interest, but must not block it.
    thread::spawn(move || told.for_each(drop));
    (child, reported.expect("it reports"))
}

/// Ends a process that waits after its report.
pub(super) fn stop(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
