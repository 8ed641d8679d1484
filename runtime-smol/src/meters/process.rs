//! What the system knows of this process (proc(5)). What it does not tell is 0.

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use std::fs;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) open_files: u64,
    pub(crate) most_files: u64,
    /// Since 1970, in seconds.
    pub(crate) started: f64,
}

impl Process {
    pub(crate) fn now() -> Process {
        let fields = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in parentheses may have spaces in it.
        let fields: Vec<u64> = fields
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
            .unwrap_or_default();
        let field = |no: usize| fields.get(no - 3).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "fractions of a tick do not count")]
        let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
        Process {
            resident_bytes: field(24) * page_size() as u64,
            cpu_seconds: seconds(field(14) + field(15)),
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64),
            most_files: getrlimit(Resource::Nofile).current.unwrap_or_default(),
            started: booted() + seconds(field(22)),
        }
    }
}

/// When the machine started, since 1970, in whole seconds.
fn booted() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    seconds.unwrap_or_default()
}
