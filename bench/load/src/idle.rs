//! `idle`: what a connection costs that says nothing, before and after a burst, and what remains of
//! it after all have closed.

use crate::Result;
use crate::conn::Opening;
use crate::echo::{Refill, Run, SLICE};
use crate::options::Options;
use crate::report::Report;
use crate::usage::Usage;
use std::time::{Duration, Instant};

pub fn run(options: &Options) -> Result<String> {
    warm(options)?;
    let memory = Memory::empty(options)?;
    let mut run = Run::open(options)?;
    hold(&mut run, options.seconds)?;
    let before = Usage::of(&memory.pid);
    hold(&mut run, options.seconds)?;
    let idle = Usage::of(&memory.pid);
    let mut report = Report::new(options);
    memory.report(&mut report, idle.rss);
    let seconds = options.seconds.as_secs_f64() * options.connections as f64;
    let cpu_us = (idle.cpu_ns - before.cpu_ns) as f64 / 1e3;
    report.number("cpu_us_per_connection_second", cpu_us / seconds);
    burst(&mut run, options)?;
    report.number("burst_bytes_per_connection", memory.each(memory.now()));
    hold(&mut run, options.seconds)?;
    report.number("after_burst_bytes_per_connection", memory.each(memory.now()));
    drop(run);
    std::thread::sleep(options.seconds);
    report.number("closed_rss_kib", memory.now() as f64);
    // What the allocator has kept serves the second time; what leaks comes on top.
    let mut again = Run::open(options)?;
    burst(&mut again, options)?;
    drop(again);
    std::thread::sleep(options.seconds);
    report.number("closed_again_rss_kib", memory.now() as f64);
    Ok(report.line())
}

/// The memory of a server, above what it had without clients.
pub struct Memory {
    pid: String,
    empty: u64,
    connections: usize,
}

impl Memory {
    pub fn empty(options: &Options) -> Result<Self> {
        let pid = options.pids.first().ok_or("--pid is missing")?.to_string();
        Ok(Self { empty: Usage::of(&pid).rss, pid, connections: options.connections })
    }

    /// Resident KiB at this moment.
    pub fn now(&self) -> u64 {
        Usage::of(&self.pid).rss
    }

    /// Writes down what the clients cost while they did nothing.
    pub fn report(&self, report: &mut Report, rss: u64) {
        report.number("rss_kib", rss as f64);
        report.number("empty_rss_kib", self.empty as f64);
        report.number("bytes_per_connection", self.each(rss));
    }

    fn each(&self, rss: u64) -> f64 {
        rss.saturating_sub(self.empty) as f64 * 1024.0 / self.connections as f64
    }
}

/// Brings the server's code into memory: it is no cost of a connection.
fn warm(options: &Options) -> Result<()> {
    let warm = (0..16).map(|_| Opening::websocket(options, 0)).collect::<Result<Vec<_>>>()?;
    drop(warm);
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// Sends on every connection at once and waits for all replies.
fn burst(run: &mut Run, options: &Options) -> Result<()> {
    run.prime(options.burst)?;
    run.drain()
}

/// Waits, and answers pings.
fn hold(run: &mut Run, time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        run.turn(SLICE, Refill::No)?;
    }
    Ok(())
}
