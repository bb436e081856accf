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

/// Opens sessions over one connection, calls `held`, finds that they answer, and ends them.
fn wave(options: &Options, count: usize, held: &mut dyn FnMut()) -> Result<()> {
    let mut opening = Opening::connect(options.address, 0)?;
    let sessions = (0..count).map(|_| Session::open(&mut opening)).collect::<Result<Vec<_>>>()?;
    held();
    for (index, session) in sessions.iter().enumerate() {
        if index % CHECKED == 0 {
            session.send(&mut opening, &format!("42[\"message\",{index},\"text\"]"))?;
            let reply = format!("42[\"message-back\",{index},\"text\"]");
            session.wait_for(&mut opening, &reply)?;
        }
        session.send(&mut opening, "1")?;
    }
    Ok(())
}

/// One session of so many is asked whether it still echoes.
const CHECKED: usize = 100;
