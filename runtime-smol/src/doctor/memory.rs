//! How much memory this process may take: that of the machine, or less if a control group says so (cgroups(7)).

use std::fs;
use std::path::{Path, PathBuf};

const GROUPS: &str = "/sys/fs/cgroup";

/// The most memory, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) bytes: u64,
    pub(super) of: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Machine,
    Group,
}

pub(super) fn limit() -> Option<Limit> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let machine = total(&read("/proc/meminfo"));
    let group = files(&read("/proc/self/cgroup"), Path::new(GROUPS))
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok())
        .min();
    match (machine, group) {
        (Some(bytes), Some(less)) if less < bytes => Some(Limit { bytes: less, of: Of::Group }),
        (Some(bytes), _) => Some(Limit { bytes, of: Of::Machine }),
        (None, Some(bytes)) => Some(Limit { bytes, of: Of::Group }),
        (None, None) => None,
    }
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Where limits may stand: of the group and of all that it is in, each of which counts. `max`, for no limit, is no
/// number.
fn files(groups: &str, root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = root.join(path.trim_start_matches('/'));
        files.extend(group.ancestors().take_while(|place| place.starts_with(&root)).map(|place| place.join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor15_the_memory_of_every_group_above_counts() {
        let paths = |text: &str| -> Vec<_> {
            files(text, Path::new("/g")).iter().map(|path| path.display().to_string()).collect()
        };
        let want = ["/g/system.slice/kanvas.service/memory.max", "/g/system.slice/memory.max", "/g/memory.max"];
        assert_eq!(paths("0::/system.slice/kanvas.service\n"), want);
        let old = ["/g/memory/box/memory.limit_in_bytes", "/g/memory/memory.limit_in_bytes"];
        assert_eq!(paths("5:cpu,cpuacct:/box\n4:memory:/box\n"), old);
        assert_eq!(total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert_eq!(total(""), None);
    }
}
