//! Which Kanvas this is, and on what.

use std::fs;

use rustix::system::uname;

use super::Finding;

/// The version, the system, and SQLite's version.
pub(super) fn look() -> Finding {
    let name = uname();
    let (system, release) = (name.sysname().to_string_lossy(), name.release().to_string_lossy());
    let machine = name.machine().to_string_lossy();
    let pretty = distribution(&fs::read_to_string("/etc/os-release").unwrap_or_default());
    let on = pretty.map_or_else(|| format!("{system} {release}"), |pretty| format!("{pretty}, {system} {release}"));
    let (ours, sqlite) = (env!("CARGO_PKG_VERSION"), rusqlite::version());
    let says = format!("this is Kanvas {ours} with SQLite {sqlite}, on {on}, {machine}");
    if system == "Linux" {
        return Finding::ok("version", says);
    }
    Finding::warning("version", says, "know that it is tested on Linux alone")
}

/// Its name for people (os-release(5)).
fn distribution(release: &str) -> Option<String> {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = line.trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor1_the_system_is_called_what_it_calls_itself() {
        let text = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(distribution(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(distribution("PRETTY_NAME=Alpine\n").as_deref(), Some("Alpine"));
        assert_eq!(distribution(""), None);
    }
}
