//! The JSON line of a run.

use crate::options::Options;
use crate::window::Results;
use std::fmt::Write;

pub struct Report {
    line: String,
}

impl Report {
    /// The scenario and its parameters.
    pub fn new(options: &Options) -> Self {
        let mut report = Self { line: format!("{{\"scenario\":\"{}\"", options.scenario.name()) };
        report.number("connections", options.connections as f64);
        report.number("in_flight", options.in_flight as f64);
        report.number("rate", options.rate as f64);
        report.number("size", options.size as f64);
        report.number("packets", options.packets as f64);
        report.value("floor", if options.floor { "true" } else { "false" });
        report
    }

    /// What a window measured.
    pub fn results(&mut self, results: &Results) {
        let messages = results.messages as f64;
        let seconds = results.nanos as f64 / 1e9;
        self.number("seconds", seconds);
        self.number("messages", messages);
        self.number("per_second", messages / seconds);
        let quantiles = [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999), ("max_us", 1.0)];
        for (name, quantile) in quantiles {
            self.number(name, results.latency.value_at_quantile(quantile) as f64 / 1e3);
        }
        let [before, after] = results.server;
        let cpu = (after.cpu_ns - before.cpu_ns) as f64;
        self.number("cpu_us_per_message", cpu / 1e3 / messages);
        self.number("cpu_share", cpu / results.nanos as f64);
        let waited = (after.wait_ns - before.wait_ns) as f64;
        self.number("wait_share", waited / results.nanos as f64);
        match results.syscalls_per_message {
            Some(calls) => self.number("syscalls_per_message", calls),
            None => self.value("syscalls_per_message", "null"),
        }
        self.number("voluntary_switches", (after.voluntary - before.voluntary) as f64);
        self.number("involuntary_switches", (after.involuntary - before.involuntary) as f64);
        self.number("rss_kib", after.rss as f64);
        let [before, after] = results.broker;
        self.number(
            "broker_cpu_us_per_message",
            (after.cpu_ns - before.cpu_ns) as f64 / 1e3 / messages,
        );
        let [before, after] = results.load;
        let share = |before: u64, after: u64| (after - before) as f64 / results.nanos as f64;
        self.number("load_cpu_share", share(before.cpu_ns, after.cpu_ns));
        self.number("load_wait_share", share(before.wait_ns, after.wait_ns));
    }

    pub fn number(&mut self, name: &str, value: f64) {
        let text = if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.4}") };
        self.value(name, &text);
    }

    fn value(&mut self, name: &str, json: &str) {
        write!(self.line, ",\"{name}\":{json}").expect("a String takes everything");
    }

    pub fn line(self) -> String {
        self.line + "}"
    }
}
