//! What a process has used, as Linux accounts for it.

use std::fs::read_to_string;

/// Readings of one moment; differences of two are what counts.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Time on a core, all threads.
    pub cpu_ns: u64,
    /// Time a thread could have run, had its core been free.
    pub wait_ns: u64,
    /// Times a thread slept, or gave its core to another.
    pub voluntary: u64,
    pub involuntary: u64,
    /// Resident memory in KiB.
    pub rss: u64,
}

impl Usage {
    /// Readings of several processes together.
    pub fn of_all(pids: &[u32]) -> Self {
        pids.iter().map(|pid| Self::of(&pid.to_string())).fold(Self::default(), Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns + other.cpu_ns,
            wait_ns: self.wait_ns + other.wait_ns,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
            rss: self.rss + other.rss,
        }
    }

    /// Reads `/proc/PID`; zeros when it cannot be read.
    pub fn of(pid: &str) -> Self {
        let rss = field(&format!("/proc/{pid}/status"), "VmRSS:");
        let mut usage = Self { rss, ..Self::default() };
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let task = task.path();
            let status = task.join("status").to_string_lossy().into_owned();
            usage.voluntary += field(&status, "voluntary_ctxt_switches:");
            usage.involuntary += field(&status, "nonvoluntary_ctxt_switches:");
            // The scheduler's own figure, in nanoseconds; `stat` rounds the same one to ticks.
            let schedstat = read_to_string(task.join("schedstat")).unwrap_or_default();
            let mut times = schedstat.split(' ').map(|ns| ns.parse().unwrap_or(0));
            usage.cpu_ns += times.next().unwrap_or(0);
            usage.wait_ns += times.next().unwrap_or(0);
        }
        if usage.cpu_ns == 0 {
            usage.cpu_ns = ticks(pid) * 10_000_000;
        }
        usage
    }
}

/// User and system time in hundredths of a second.
fn ticks(pid: &str) -> u64 {
    let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    behind_name.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn field(path: &str, name: &str) -> u64 {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
