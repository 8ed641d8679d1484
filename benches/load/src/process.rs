//! What a process and its children take of the machine, as Linux counts it.

use std::fs;
use std::io;
use std::time::Duration;

/// A server's processes, as of now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// The processor's time since they began.
    pub(crate) cpu: Duration,
    /// Resident, in bytes.
    pub(crate) memory: u64,
}

/// Of a process and all below it.
pub(crate) fn usage(pid: u32) -> io::Result<Usage> {
    let mut stats = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has ended meanwhile has nothing to tell.
        if let Some(stat) = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| Stat::read(&text)) {
            stats.push((pid, stat));
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(stats.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    let (ticks, page) = (rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64);
    let of_it: Vec<&Stat> = stats.iter().filter(|(pid, _)| family.contains(pid)).map(|(_, stat)| stat).collect();
    if of_it.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no process {pid}")));
    }
    let cpu: u64 = of_it.iter().map(|stat| stat.ticks).sum();
    let pages: u64 = of_it.iter().map(|stat| stat.pages).sum();
    Ok(Usage { cpu: Duration::from_millis(cpu * 1000 / ticks), memory: pages * page })
}

/// What a process has open, and its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Held {
    pub(crate) files: usize,
    pub(crate) threads: usize,
}

/// Of a process alone.
pub(crate) fn held(pid: u32) -> io::Result<Held> {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).map(Iterator::count);
    Ok(Held { files: count("fd")?, threads: count("task")? })
}

/// A line of `/proc/<pid>/stat` (proc_pid_stat(5)).
struct Stat {
    parent: u32,
    /// In user and in kernel mode.
    ticks: u64,
    pages: u64,
}

impl Stat {
    fn read(text: &str) -> Option<Stat> {
        // The name is in brackets, and may have anything in it.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |no: usize| fields.get(no - 3)?.parse::<u64>().ok();
        Some(Stat { parent: u32::try_from(field(4)?).ok()?, ticks: field(14)? + field(15)?, pages: field(24)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_time_and_memory() {
        let before = usage(std::process::id()).unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let after = usage(std::process::id()).unwrap();
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
        assert!(after.memory > 64 * 1024);
        assert!(usage(u32::MAX).is_err());
    }
}
