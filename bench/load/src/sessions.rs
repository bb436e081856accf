//! `sessions`: what a session on polling costs while nobody polls, and after all have left.

use crate::Result;
use crate::conn::Opening;
use crate::idle::Memory;
use crate::options::Options;
use crate::report::Report;
use crate::session::Session;
use std::thread::sleep;
use std::time::Duration;

pub fn run(options: &Options) -> Result<String> {
    // Brings the server's code into memory: it is no cost of a session.
    wave(options, 16, &mut || {})?;
    sleep(Duration::from_millis(200));
    let memory = Memory::empty(options)?;
    let mut held = 0;
    wave(options, options.connections, &mut || held = memory.now())?;
    let mut report = Report::new(options);
    memory.report(&mut report, held);
    sleep(options.seconds);
    report.number("closed_rss_kib", memory.now() as f64);
    wave(options, options.connections, &mut || {})?;
    sleep(options.seconds);
    report.number("closed_again_rss_kib", memory.now() as f64);
    Ok(report.line())
}

/// Opens sessions over a few connections, calls `held`, finds that some echo, and ends all.
fn wave(options: &Options, count: usize, held: &mut dyn FnMut()) -> Result<()> {
    let connect = |index| Opening::connect(options.address, index);
    let mut each = (0..WIDTH).map(connect).collect::<Result<Vec<_>>>()?;
    let mut sessions = Vec::with_capacity(count);
    while sessions.len() < count {
        let width = WIDTH.min(count - sessions.len());
        sessions.extend(Session::open_each(&mut each[..width])?);
    }
    held();
    for several in sessions.chunks(WIDTH) {
        Session::send_each(&several[..1], &mut each, "42[\"message\",7,\"text\"]")?;
        several[0].wait_for(&mut each[0], "42[\"message-back\",7,\"text\"]")?;
        Session::send_each(several, &mut each, "1")?;
    }
    Ok(())
}

/// Sessions that are opened at the same time; one of so many is asked whether it still echoes.
const WIDTH: usize = 64;
