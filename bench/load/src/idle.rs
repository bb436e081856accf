//! `idle`: what a connection costs that says nothing, before and after a burst.

use crate::Result;
use crate::conn::Opening;
use crate::echo::{Refill, Run, SLICE};
use crate::options::Options;
use crate::report::Report;
use crate::usage::Usage;
use std::time::{Duration, Instant};

pub fn run(options: &Options) -> Result<String> {
    let pid = options.pid.ok_or("idle needs --pid")?.to_string();
    warm(options)?;
    let empty = Usage::of(&pid).rss;
    let mut run = Run::open(options)?;
    hold(&mut run, options.seconds)?;
    let before = Usage::of(&pid);
    hold(&mut run, options.seconds)?;
    let idle = Usage::of(&pid);
    let mut report = Report::new(options);
    let connections = options.connections as f64;
    let each = |rss: u64| rss.saturating_sub(empty) as f64 * 1024.0 / connections;
    report.number("rss_kib", idle.rss as f64);
    report.number("empty_rss_kib", empty as f64);
    report.number("bytes_per_connection", each(idle.rss));
    let seconds = options.seconds.as_secs_f64();
    let cpu_us = (idle.cpu_ns - before.cpu_ns) as f64 / 1e3;
    report.number("cpu_us_per_connection_second", cpu_us / connections / seconds);
    if options.burst > 0 {
        run.prime(options.burst)?;
        run.drain()?;
        let peak = Usage::of(&pid).rss;
        hold(&mut run, options.seconds)?;
        report.number("burst_bytes_per_connection", each(peak));
        report.number("after_burst_bytes_per_connection", each(Usage::of(&pid).rss));
    }
    drop(run);
    std::thread::sleep(options.seconds);
    report.number("closed_rss_kib", Usage::of(&pid).rss as f64);
    Ok(report.line())
}

/// Brings the server's code into memory: it is no cost of a connection.
fn warm(options: &Options) -> Result<()> {
    let warm = (0..16).map(|_| Opening::websocket(options)).collect::<Result<Vec<_>>>()?;
    drop(warm);
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// Waits, and answers pings.
fn hold(run: &mut Run, time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        run.turn(SLICE, Refill::No)?;
    }
    Ok(())
}
