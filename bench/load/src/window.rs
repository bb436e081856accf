//! The measured time of a run: warm-up, window, and an optional time in which calls are counted.

use crate::conn::PATIENCE;
use crate::options::Options;
use crate::usage::Usage;
use crate::{Result, words};
use hdrhistogram::Histogram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Window {
    epoch: Instant,
    phase: Phase,
    pids: Vec<u32>,
    broker: Vec<u32>,
    warmup: Duration,
    seconds: Duration,
    syscalls: bool,
    /// Messages since the phase began.
    count: u64,
    began: u64,
    /// When the last message came.
    progress: u64,
    start: [Usage; 3],
    pub results: Results,
}

/// What was measured.
pub struct Results {
    pub latency: Histogram<u64>,
    pub messages: u64,
    pub nanos: u64,
    /// The server before and after.
    pub server: [Usage; 2],
    /// The generator before and after.
    pub load: [Usage; 2],
    /// The process between nodes before and after.
    pub broker: [Usage; 2],
    pub syscalls_per_message: Option<f64>,
}

enum Phase {
    Warm,
    Measured,
    Counted(Child),
    Over,
}

impl Window {
    pub fn open(options: &Options) -> Self {
        let results = Results {
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds"),
            messages: 0,
            nanos: 0,
            server: Default::default(),
            load: Default::default(),
            broker: Default::default(),
            syscalls_per_message: None,
        };
        Self {
            epoch: Instant::now(),
            phase: Phase::Warm,
            pids: options.pids.clone(),
            broker: options.broker.into_iter().collect(),
            warmup: options.warmup,
            seconds: options.seconds,
            syscalls: options.syscalls,
            count: 0,
            began: 0,
            progress: 0,
            start: Default::default(),
            results,
        }
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Counts `messages` that came at `now`, each `latency` after it was, or should have been, sent.
    pub fn came(&mut self, now: u64, sent: u64, messages: u64) {
        self.count += messages;
        self.progress = now;
        if matches!(self.phase, Phase::Measured) {
            self.results.latency.saturating_record_n(now.saturating_sub(sent), messages);
        }
    }

    /// Moves on when it is time; false when the run is over and only outstanding answers are awaited.
    pub fn is_open(&mut self, outstanding: bool) -> Result<bool> {
        let now = self.now();
        let passed = Duration::from_nanos(now - self.began);
        match &mut self.phase {
            Phase::Warm if passed >= self.warmup => {
                self.start = self.usages();
                self.enter(Phase::Measured);
            }
            Phase::Measured if passed >= self.seconds => self.measured()?,
            Phase::Counted(perf) => {
                if perf.try_wait().map_err(words("perf"))?.is_some() {
                    self.counted(passed);
                }
            }
            Phase::Warm | Phase::Measured | Phase::Over => {}
        }
        if outstanding {
            self.patience()?;
        }
        Ok(!matches!(self.phase, Phase::Over))
    }

    /// Begins a wait for replies.
    pub fn sent(&mut self) {
        self.progress = self.now();
    }

    /// Fails when nothing has come for too long.
    pub fn patience(&self) -> Result<()> {
        if self.now().saturating_sub(self.progress) > PATIENCE.as_nanos() as u64 {
            return Err("replies are missing: nothing came for ten seconds".into());
        }
        Ok(())
    }

    fn measured(&mut self) -> Result<()> {
        let [server, load, broker] = self.usages();
        self.results.nanos = self.now() - self.began;
        self.results.messages = self.count;
        self.results.server = [self.start[0], server];
        self.results.load = [self.start[1], load];
        self.results.broker = [self.start[2], broker];
        if self.results.messages == 0 {
            return Err("no reply came in the measured time".into());
        }
        let counted = if self.syscalls && !self.pids.is_empty() { perf(&self.pids) } else { None };
        self.enter(counted.map_or(Phase::Over, Phase::Counted));
        Ok(())
    }

    fn counted(&mut self, passed: Duration) {
        let Phase::Counted(perf) = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        let output = perf.wait_with_output().map(|output| output.stderr).unwrap_or_default();
        let calls = String::from_utf8_lossy(&output);
        let calls = calls.lines().find_map(|line| line.split(',').next()?.parse::<f64>().ok());
        let messages = self.count as f64 / passed.as_secs_f64() * COUNTED;
        self.results.syscalls_per_message = calls.map(|calls| calls / messages);
    }

    fn enter(&mut self, phase: Phase) {
        self.began = self.now();
        self.count = 0;
        self.phase = phase;
    }

    fn usages(&self) -> [Usage; 3] {
        [Usage::of_all(&self.pids), Usage::of("self"), Usage::of_all(&self.broker)]
    }
}

/// Counts the system calls of processes for [`COUNTED`] seconds, where `perf` may.
fn perf(pids: &[u32]) -> Option<Child> {
    let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
    let mut perf = Command::new("perf");
    perf.args([
        "stat",
        "-x,",
        "-e",
        "raw_syscalls:sys_enter",
        "-p",
        &pids.join(","),
        "--",
        "sleep",
    ]);
    perf.arg(COUNTED.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
    perf.stderr(Stdio::piped()).spawn().ok()
}

const COUNTED: f64 = 0.5;
