//! Runs a server under strace, or has strace join one that runs: to write down what it asks of the system, or to make
//! some of that fail. It owns strace's process, and ends it by its id.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A tracer that has joined a server, and leaves it when it is dropped.
pub(crate) struct Tracer {
    child: Child,
}

/// `strace` with all that a log needs, before its own options.
pub(crate) fn strace() -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "signal=none"]);
    command
}

/// Ends the test with one sentence if nothing can be traced here.
pub(crate) fn needed() {
    let tried = strace().args(["-o", "/dev/null", "--seccomp-bpf", "true"]).stderr(Stdio::null()).status();
    assert!(
        tried.is_ok_and(|status| status.success()),
        "the storage tests need `strace` and the right to trace programs (ptrace): install strace, and let it trace"
    );
}

impl Tracer {
    /// Joins all threads of a process. From the return on, every call of `calls`, on this file if one is named, is met
    /// by `fault`, as strace's `inject` words them.
    pub(crate) fn join(pid: u32, calls: &str, fault: &str, file: Option<&Path>) -> Tracer {
        needed();
        let inject = format!("inject={calls}:{fault}");
        let mut command = strace();
        command.args(["-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &inject, "-p", &pid.to_string()]);
        if let Some(file) = file {
            command.arg("-P").arg(file);
        }
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut tracer = Tracer { child };
        let end = Instant::now() + Duration::from_secs(10);
        while !traced(pid) {
            assert!(
                tracer.child.try_wait().unwrap().is_none() && Instant::now() < end,
                "strace could not join the server: the storage tests need the right to trace other programs \
                 (root, or kernel.yama.ptrace_scope=0)"
            );
            thread::sleep(Duration::from_millis(5));
        }
        tracer
    }

    /// Leaves; from the return on nothing fails any more.
    pub(crate) fn leave(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.end();
        }
    }
}

/// Whether every thread of a process has a tracer.
fn traced(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}

/// The process that strace started and now traces.
pub(crate) fn traced_by(strace: u32) -> u32 {
    let path = format!("/proc/{strace}/task/{strace}/children");
    let children = fs::read_to_string(Path::new(&path)).expect("the system tells a process's children");
    children.trim().parse().unwrap_or_else(|_| panic!("strace has one child: {children:?}"))
}
