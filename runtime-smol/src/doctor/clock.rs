//! The clock of this machine against that of another, and against its own steady one. Tokens live for a minute: a clock
//! that is wrong makes good ones refused.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;
use url::Url;

use super::Finding;
use super::keys::{Answer, Ring};
use crate::words::unanswered;

const ABOUT: &str = "clock";
/// From here on tokens are refused.
const WRONG: i64 = 5000;
/// Between this and the above it should be looked at.
const OFF: i64 = 2000;
/// By so much a clock that is led gently does not move while this command runs.
const JUMP: i64 = 1000;
/// When nothing of this was written yet: 1 January 2025.
const BEFORE: u64 = 1_735_689_600;
const PATIENCE: Duration = Duration::from_secs(3);
const SET: &str = "let it be set by the network: `timedatectl set-ntp true`, or chrony";

/// Both clocks as they were when it began.
pub(super) struct Watch {
    wall: SystemTime,
    steady: Instant,
}

impl Watch {
    pub(super) fn start() -> Watch {
        Watch { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// How far the clock has moved more than the steady one, in ms.
    fn jumped(&self) -> i64 {
        millis(SystemTime::now())
            - millis(self.wall)
            - i64::try_from(self.steady.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// How far this machine's clock is ahead of another's, in ms, between two bounds: the other says it in whole seconds,
/// and at some moment between question and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Apart {
    least: i64,
    most: i64,
}

impl Apart {
    /// From the head of an answer; `None` if it does not say what time it is.
    pub(super) fn read(headers: &HeaderMap, before: SystemTime, after: SystemTime) -> Option<Apart> {
        let date = httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()?;
        // An answer that was kept somewhere is so much older than it says.
        let age = headers.get("age").and_then(|age| age.to_str().ok()?.parse::<u32>().ok()).unwrap_or_default();
        let latest = millis(date) + 1000 + 1000 * i64::from(age);
        Some(Apart { least: millis(before) - latest, most: millis(after) - millis(date) })
    }

    /// By how much at least.
    fn surely(self) -> i64 {
        if self.least > 0 { self.least } else { self.most.min(0) }
    }
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Compares the clocks: with that address, or else with where the keys came from.
pub(super) fn look(ring: &Ring, compare: Option<&Url>, watch: &Watch) -> Vec<Finding> {
    let compared = match compare {
        Some(url) => ask(url),
        None => with_keys(ring),
    };
    let mut findings = vec![compared];
    findings.extend(alone(SystemTime::now(), watch.jumped()));
    findings
}

fn with_keys(ring: &Ring) -> Finding {
    let todo = "name a server to compare it with: `--compare-clock https://example.com`";
    match ring {
        Ring::Fetched { url, answer: Ok(Answer { apart, .. }) } => against(&host(url), *apart),
        Ring::Fetched { answer: Err(_), .. } => {
            Finding::warning(ABOUT, "it could not be compared, since the keys' address does not answer", todo)
        }
        Ring::Given(_) | Ring::Missing => Finding::warning(ABOUT, "it was compared with no other", todo),
        Ring::Own(_) => Finding::ok(ABOUT, "it was compared with no other, as tokens are made on this machine"),
    }
}

fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| url.to_owned())
}

fn ask(url: &Url) -> Finding {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("kanvas/", env!("CARGO_PKG_VERSION")))
        .build();
    let before = SystemTime::now();
    match ureq::Agent::new_with_config(config).get(url.as_str()).call() {
        Ok(answer) => against(url.as_str(), Apart::read(answer.headers(), before, SystemTime::now())),
        Err(error) => {
            let says = format!("it could not be compared: {url} cannot be reached ({})", unanswered(&error, PATIENCE));
            Finding::warning(ABOUT, says, "check --compare-clock")
        }
    }
}

fn against(whose: &str, apart: Option<Apart>) -> Finding {
    let Some(apart) = apart else {
        let says = format!("it could not be compared, since {whose} does not say what time it is");
        return Finding::warning(ABOUT, says, "name another server: `--compare-clock https://example.com`");
    };
    let off = apart.surely();
    let way = if off > 0 { "ahead of" } else { "behind" };
    let far = format!("{}.{} s", off.abs() / 1000, off.abs() % 1000 / 100);
    let says = format!("it is {far} {way} that of {whose}");
    match off.abs() {
        ..OFF => Finding::ok(ABOUT, format!("it goes with that of {whose}, as far as whole seconds tell")),
        OFF..=WRONG => Finding::warning(ABOUT, format!("{says}; beyond 5 s good tokens are refused"), SET),
        _ => Finding::problem(ABOUT, format!("{says}, so that good tokens are refused or old ones taken"), SET),
    }
}

/// What needs no other clock.
fn alone(now: SystemTime, jumped: i64) -> Option<Finding> {
    if millis(now) / 1000 < i64::try_from(BEFORE).unwrap_or(i64::MAX) {
        let says = format!("it says {}, which is long ago", httpdate::fmt_http_date(now));
        return Some(Finding::problem(ABOUT, says, SET));
    }
    (jumped.abs() > JUMP).then(|| {
        let says = format!("it jumped by {} ms while this command ran", jumped);
        Finding::warning(ABOUT, says, "let one program alone set it, and gently")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn apart(date: u64, age: Option<&str>, before: u64, after: u64) -> Apart {
        let mut headers = HeaderMap::new();
        headers.insert("date", httpdate::fmt_http_date(at(date)).parse().unwrap());
        if let Some(age) = age {
            headers.insert("age", age.parse().unwrap());
        }
        Apart::read(&headers, at(before), at(after)).unwrap()
    }

    #[test]
    fn doctor7_only_what_is_surely_wrong_counts() {
        let second = 1_800_000_000_000;
        let verdict = |apart: Apart| against("there", Some(apart)).verdict;
        assert_eq!(apart(second, None, second + 10, second + 20).surely(), 0);
        assert_eq!(apart(second, None, second + 900, second + 4900).surely(), 0, "the answer took its time");
        assert_eq!(verdict(apart(second, None, second + 6000, second + 6100)), Verdict::Warning);
        assert_eq!(verdict(apart(second, None, second + 6001, second + 6100)), Verdict::Problem);
        assert_eq!(verdict(apart(second, None, second - 5200, second - 5001)), Verdict::Problem);
        assert_eq!(verdict(apart(second, Some("60"), second + 60_000, second + 60_100)), Verdict::Ok, "it was kept");
        assert!(
            against("there", Some(apart(second, None, second - 9200, second - 9001))).says.contains("9.0 s behind")
        );
        assert_eq!(Apart::read(&HeaderMap::new(), at(1), at(2)), None);
    }

    #[test]
    fn doctor7_a_clock_that_jumps_or_was_never_set_is_told() {
        assert_eq!(alone(at(1_800_000_000_000), 999), None);
        assert_eq!(alone(at(1_800_000_000_000), -1001).unwrap().verdict, Verdict::Warning);
        let unset = alone(at(3_600_000), 0).unwrap();
        assert!(unset.verdict == Verdict::Problem && unset.says.contains("1970"), "{unset:?}");
    }
}
