//! `kanvas doctor`: what is wrong with the settings, the machine and what is stored, in plain words, and what to do. It owns
//! what a finding is and how findings are told; each kind of thing that is looked at has a file below. It changes
//! nothing, and it may be asked while the server runs.

mod address;
mod certificate;
mod clock;
mod keys;
mod limits;
mod machine;
mod memory;
mod mounts;
mod settings;
mod storage;
mod token;

use std::io::{self, Read as _};

use clap::{Arg, ArgAction, ArgMatches, Command};
use kanvas_core::auth::TOKEN_BYTES;
use serde::Serialize;
use url::Url;

use crate::check::is_locked;
use crate::config::Serve;
use crate::settings::{Told, resolve};
use crate::start::reason;
use crate::store::look::Use;
use crate::words::Checked;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    /// It works, and may not go on so, or is not what was meant.
    Warning,
    /// It does not work, or harms.
    Problem,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    verdict: Verdict,
    /// A short noun.
    about: &'static str,
    /// A sentence without its full stop.
    says: String,
    /// What to do; there unless all is well.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, says: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Ok, about, says: says.into(), todo: None }
    }

    fn warning(about: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warning, about, says: says.into(), todo: Some(todo.into()) }
    }

    fn problem(about: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Problem, about, says: says.into(), todo: Some(todo.into()) }
    }

    /// Of a sentence as the server says it: what is wrong, a semicolon, what to do.
    fn told(verdict: Verdict, about: &'static str, sentence: &str) -> Finding {
        let (says, todo) = sentence.rsplit_once("; ").unwrap_or((sentence, "see `kanvas --help`"));
        Finding { verdict, about, says: says.to_owned(), todo: Some(todo.to_owned()) }
    }

    /// A part that this account may not read, or the like.
    fn unknown(about: &'static str, what: &str, error: &io::Error) -> Finding {
        let todo = "run this as the account that the server runs as";
        Finding::warning(about, format!("{what} cannot be looked at ({})", reason(error)), todo)
    }
}

/// Everything that was found, for programs.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether there is no problem. Warnings do not count.
    ok: bool,
    problems: usize,
    warnings: usize,
    checks: &'a [Finding],
}

/// The command line, given the same command with every setting.
pub(crate) fn command(told: Command) -> Command {
    let about = "Say in plain words what is wrong with settings, keys, storage, clock, addresses and limits";
    told.about(about)
        .long_about(format!(
            "{about}, and what to do.\n\nIt takes the settings of the server, changes nothing, and works while the server \
             runs and while it does not."
        ))
        .after_help("Exit codes: 0 without a problem, whatever the warnings; 1 with one; 2 if the command line is wrong.")
        .args([
            Arg::new("token").long("token").value_name("TOKEN").allow_hyphen_values(true).help(
                "A token to explain: taken or why not; `-` reads it from standard input, where others on the machine do \
                 not see it",
            ),
            Arg::new("compare-clock").long("compare-clock").value_name("URL").value_parser(crate::remote::server).help(
                "An address whose clock this machine's is compared with, such as https://kanvas.example.com/readyz \
                 [default: where keys are fetched]",
            ),
            Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON, for programs"),
        ])
}

/// See the module.
///
/// # Errors
/// A sentence for the operator: the token could not be read.
pub(crate) fn run(matches: &ArgMatches) -> Result<Checked, String> {
    let token = matches.get_one::<String>("token").map(|token| given(token)).transpose()?;
    let mut told = resolve(matches);
    let serve = told.serve.take();
    let findings = look(&told, serve.as_ref(), token.as_deref(), matches.get_one("compare-clock"));
    let good = count(&findings, Verdict::Problem) == 0;
    let report = if matches.get_flag("json") { in_json(&findings)? } else { in_words(&findings) };
    Ok(Checked { report, good })
}

/// The token itself: what was given, or what standard input has.
fn given(token: &str) -> Result<String, String> {
    if token != "-" {
        return Ok(token.to_owned());
    }
    let mut text = String::new();
    // One that is too long is to be seen as such.
    let most = TOKEN_BYTES as u64 * 2;
    let read = io::stdin().take(most).read_to_string(&mut text);
    read.map_err(|error| format!("the token cannot be read from standard input ({}); pipe it in", reason(&error)))?;
    Ok(text)
}

/// Looks at everything, what costs least first.
fn look(told: &Told, serve: Option<&Serve>, token: Option<&str>, compare: Option<&Url>) -> Vec<Finding> {
    let watch = clock::Watch::start();
    let mut findings = vec![machine::look()];
    findings.extend(settings::look(told, serve));
    let Some(serve) = serve else {
        let says = "the rest was not looked at, since some settings cannot be understood";
        findings.push(Finding::warning("rest", says, "mend the settings and run this again"));
        return findings;
    };
    let used = if is_locked(&serve.data) { Use::Live } else { Use::Nobody };
    let ring = keys::fetch(serve);
    findings.extend(keys::look(serve, &ring));
    findings.extend(token.map(|token| token::look(serve, &ring, token)));
    findings.extend(storage::look(serve, used));
    findings.extend(address::look(serve, used));
    findings.extend(certificate::look(serve));
    findings.extend(limits::look(serve));
    findings.extend(clock::look(&ring, compare, &watch));
    findings
}

fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// A line for each, with what to do on the next.
fn in_words(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.about.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { verdict, about, says, todo } in findings {
        text += &format!("{:7}  {about:width$}  {}.\n", verdict.as_str(), sentence(says));
        if let Some(todo) = todo {
            text += &format!("{:7}  {:width$}  -> {}.\n", "", "", sentence(todo));
        }
    }
    text + "\n" + &summary(count(findings, Verdict::Problem), count(findings, Verdict::Warning)) + "\n"
}

fn summary(problems: usize, warnings: usize) -> String {
    let many = |count: usize, what: &str| match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let fails = if warnings > 0 { " Warnings alone do not make this command fail." } else { "" };
    sentence(&format!("{}, {}.{fails}", many(problems, "problem"), many(warnings, "warning")))
}

fn in_json(findings: &[Finding]) -> Result<String, String> {
    let (problems, warnings) = (count(findings, Verdict::Problem), count(findings, Verdict::Warning));
    let report = Report { ok: problems == 0, problems, warnings, checks: findings };
    let text =
        serde_json::to_string_pretty(&report).map_err(|error| format!("the report cannot be written ({error})"))?;
    Ok(text + "\n")
}

/// As a sentence begins. What is a name or a path keeps its small letter.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_word = first.trim_end_matches(',').chars().all(|c| c.is_ascii_lowercase() || c == '\'');
    let mut letters = text.chars();
    match letters.next() {
        Some(letter) if is_word => letter.to_uppercase().chain(letters).collect(),
        Some(_) | None => text.to_owned(),
    }
}

/// Whether nothing is there. That a file stands where a directory should is told of the directory.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// `1.2 GiB`.
fn bytes(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let (whole, tenths) = (bytes / unit, bytes % unit * 10 / unit);
            if whole >= 10 { format!("{whole} {name}") } else { format!("{whole}.{tenths} {name}") }
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor1_what_is_wrong_and_what_to_do_are_sentences() {
        let wrong = Finding::told(Verdict::Problem, "address", "127.0.0.1:1 is taken; stop it");
        let text = in_words(&[Finding::ok("data", "the disk is sound"), wrong]);
        let want = "ok       data     The disk is sound.\n\
                    problem  address  127.0.0.1:1 is taken.\n                  -> Stop it.\n\n1 problem, no warning.\n";
        assert_eq!(text, want);
        assert_eq!(summary(0, 2), "No problem, 2 warnings. Warnings alone do not make this command fail.");
        assert_eq!(sentence("kanvas.toml:1:1: there is"), "kanvas.toml:1:1: there is");
    }

    #[test]
    fn doctor1_sizes_are_told_as_people_read_them() {
        for (size, want) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (3 << 29, "1.5 GiB"),
            (100 << 30, "100 GiB"),
        ] {
            assert_eq!(bytes(size), want);
        }
    }
}
