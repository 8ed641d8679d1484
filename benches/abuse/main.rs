//! What abuse costs the others: the server as it is shipped, under what a hostile client may do, beside the same server
//! left alone, in one run. It prints figures and their ratios and judges none of them.
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

use std::fs;
use std::time::Duration;

#[path = "../../runtime-smol/tests/common/mod.rs"]
mod common;
mod heads;
mod keys;
mod readers;

use common::Server;

fn main() {
    let scenes: [(&str, fn()); 3] = [("readers", readers::measure), ("heads", heads::measure), ("keys", keys::measure)];
    // Cargo adds `--bench`.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, measure) in scenes {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            println!("\n{name}");
            measure();
        }
    }
}

/// Durations of one thing under one condition.
#[derive(Clone, Debug, Default)]
struct Times(Vec<Duration>);

impl Times {
    /// The time that so many of a hundred stay within.
    fn percentile(&mut self, percent: usize) -> Duration {
        self.0.sort_unstable();
        let at = self.0.len().saturating_sub(1) * percent / 100;
        self.0.get(at).copied().unwrap_or_default()
    }

    /// One line: how many, p50, p99, and both beside what they were `before`.
    fn line(&mut self, what: &str, before: Option<&mut Times>) -> String {
        let (half, most) = (self.percentile(50), self.percentile(99));
        let ratios = before.map_or_else(String::new, |before| {
            let ratio = |now: Duration, then: Duration| now.as_secs_f64() / then.as_secs_f64();
            format!("; p50 ×{:.2}, p99 ×{:.2}", ratio(half, before.percentile(50)), ratio(most, before.percentile(99)))
        });
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        format!(
            "  {what:<42} {:>7} times, p50 {:.2} ms, p99 {:.2} ms{ratios}",
            self.0.len(),
            millis(half),
            millis(most)
        )
    }
}

/// The server's resident memory in MiB.
fn memory(server: &Server) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
}

/// The processor time that the server has used, its own and the kernel's for it, in ticks of 10 ms.
fn processor_time(server: &Server) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.child.id())).expect("the server runs");
    let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
    // The state comes first; utime and stime are the twelfth and thirteenth.
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
