//! What the machine allows against what the settings want: open files, memory, connections that wait, processors.

use std::fs;
use std::thread;

use rustix::process::{Resource, getrlimit};

use super::{Finding, Verdict, bytes, memory};
use crate::config::Serve;
use crate::listen::BACKLOG;
use crate::start::{CONNECTIONS, OTHER_FILES, connections};

/// What a server takes that serves nobody, with room for its rooms.
const BASE: u64 = 64 << 20;
/// What a connection takes, with room for what waits to be sent to it.
const A_CONNECTION: u64 = 16 << 10;
/// What it takes more with TLS.
const A_SESSION: u64 = 32 << 10;

pub(super) fn look(serve: &Serve) -> Vec<Finding> {
    let mut findings = vec![open_files(serve)];
    findings.extend(memory_for(serve));
    findings.extend(backlog(&fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default()));
    findings.push(processors(serve.threads, thread::available_parallelism().map_or(1, usize::from)));
    findings
}

/// The server raises the soft limit to the hard one as it starts, and so does this.
fn open_files(serve: &Serve) -> Finding {
    let about = "open files";
    let hard = getrlimit(Resource::Nofile).maximum;
    let shown = hard.map_or("any number".to_owned(), |hard| hard.to_string());
    match connections(serve.max_connections) {
        Err(problem) => Finding::told(Verdict::Problem, about, &problem),
        Ok(most) if serve.max_connections.is_none() && most < CONNECTIONS => {
            let says =
                format!("{shown} may be open, which is enough for {most} connections of the usual {CONNECTIONS}");
            let enough = u64::from(CONNECTIONS) + OTHER_FILES;
            Finding::warning(
                about,
                says,
                format!("raise the hard limit to {enough} or more: `ulimit -Hn`, or LimitNOFILE of systemd"),
            )
        }
        Ok(most) => Finding::ok(
            about,
            format!("{shown} may be open, and {most} connections and {OTHER_FILES} others need them"),
        ),
    }
}

fn memory_for(serve: &Serve) -> Option<Finding> {
    let most = connections(serve.max_connections).ok()?;
    let each = A_CONNECTION + if serve.tls_cert.is_some() { A_SESSION } else { 0 };
    Some(match memory::limit() {
        Some(limit) => enough(limit, BASE + u64::from(most) * each, most),
        None => Finding::warning("memory", "the system does not say how much there is", "see that there is enough"),
    })
}

fn enough(limit: memory::Limit, need: u64, most: u32) -> Finding {
    let whose = match limit.of {
        memory::Of::Machine => "the machine has",
        memory::Of::Group => "its control group allows",
    };
    let says = format!("{whose} {}, and {most} connections need about {}", bytes(limit.bytes), bytes(need));
    if limit.bytes < need {
        return Finding::warning("memory", says, "lower --max-connections, or give it more memory");
    }
    Finding::ok("memory", says)
}

/// Connections that the system keeps until they are accepted: it takes the lower of its own number and ours.
fn backlog(somaxconn: &str) -> Option<Finding> {
    let most: i32 = somaxconn.trim().parse().ok()?;
    let says =
        format!("the system lets {most} connections wait until they are taken, and the server asks for {BACKLOG}");
    Some(match most < BACKLOG {
        true => {
            let todo =
                format!("raise it, or many who come back at once are delayed: `sysctl net.core.somaxconn={BACKLOG}`");
            Finding::warning("backlog", says, todo)
        }
        false => Finding::ok("backlog", says),
    })
}

fn processors(threads: Option<u16>, cores: usize) -> Finding {
    let about = "processors";
    let threads = threads.map_or(cores, usize::from);
    let says = format!("{threads} threads run rooms on {cores} processors");
    if threads > cores {
        return Finding::warning(
            about,
            says,
            "lower --threads, or leave it out: more of them only get into each other's way",
        );
    }
    Finding::ok(about, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor15_what_the_machine_has_is_held_against_what_is_wanted() {
        assert_eq!(backlog("128\n").unwrap().verdict, Verdict::Warning);
        assert_eq!(backlog("1024\n").unwrap().verdict, Verdict::Ok);
        assert_eq!(backlog(""), None);
        assert_eq!(processors(None, 2).verdict, Verdict::Ok);
        assert_eq!(processors(Some(2), 2).verdict, Verdict::Ok);
        assert_eq!(processors(Some(3), 2).verdict, Verdict::Warning);
        let limit = |bytes| memory::Limit { bytes, of: memory::Of::Group };
        assert_eq!(enough(limit(100), 100, 1).verdict, Verdict::Ok);
        let short = enough(limit(128 << 20), 220 << 20, 10_000);
        assert_eq!(short.verdict, Verdict::Warning);
        assert!(short.says.contains("control group allows 128 MiB"), "{short:?}");
    }
}
