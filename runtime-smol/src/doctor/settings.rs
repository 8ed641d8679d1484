//! What is wrong with the settings themselves: what cannot be understood, what does not go together, and secrets that
//! others may read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Finding, Verdict};
use crate::auth::AuthMode;
use crate::check::misspelt_variables;
use crate::config::{self, Serve};
use crate::settings::{self, Origin, Setting, Told};

/// Fewer letters that differ are no secret that chance made.
const LETTERS: usize = 8;

pub(super) fn look(told: &Told, serve: Option<&Serve>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if told.problems.is_empty() {
        findings.push(Finding::ok(
            "settings",
            match &told.file {
                Some(file) => format!("the settings file {} is understood", file.display()),
                None => "there is no settings file; flags, the environment and defaults count".to_owned(),
            },
        ));
    }
    let contradictions = serve.map(Serve::check).unwrap_or_default();
    let problems = told.problems.iter().chain(&contradictions);
    findings.extend(problems.map(|problem| Finding::told(Verdict::Problem, "settings", problem)));
    let misspelt = misspelt_variables();
    findings.extend(misspelt.iter().map(|note| Finding::told(Verdict::Warning, "settings", note)));
    findings.extend(secrets(told));
    findings.extend(serve.map(mode));
    findings.extend(serve.map(|serve| admin_secret(serve, &told.settings)));
    findings
}

fn mode(serve: &Serve) -> Finding {
    Finding::ok(
        "sign-in",
        match serve.mode() {
            AuthMode::Dev => "this is development mode: whoever is on this machine may edit, without sign-in",
            AuthMode::Optional => "guests may come in, and people with a token",
            AuthMode::Required => "only people with a token may come in",
        },
    )
}

/// Secrets where others of the machine see them.
fn secrets(told: &Told) -> Vec<Finding> {
    let given = told.settings.iter().filter(|setting| config::is_secret(&setting.arg) && setting.value.is_some());
    let mut in_file = Vec::new();
    let mut findings = Vec::new();
    for setting in given {
        let name = settings::name(&setting.arg);
        match &setting.origin {
            Origin::File(_) => in_file.push(name),
            Origin::Flag(_) => {
                let todo = format!("give it as {} or in the settings file", settings::variable(&setting.arg));
                findings.push(Finding::warning(
                    "secrets",
                    format!("--{name} is given as a flag, which everybody on this machine can see"),
                    todo,
                ));
            }
            Origin::Variable(_) | Origin::Default => {}
        }
    }
    if let Some(file) = told.file.as_deref().filter(|file| !in_file.is_empty() && is_open_to_all(file)) {
        let shown = file.display();
        let says = format!(
            "the settings file {shown} holds {}, and everybody on this machine may read it",
            in_file.join(" and ")
        );
        findings.push(Finding::problem("secrets", says, format!("take that right away: `chmod o-r {shown}`")));
    }
    findings
}

/// Whether every account may read it. One that cannot be looked at is told elsewhere.
pub(super) fn is_open_to_all(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

fn admin_secret(serve: &Serve, settings: &[Setting]) -> Finding {
    let about = "admin";
    let secret =
        settings.iter().find(|setting| setting.arg.get_id() == "admin_secret").and_then(|it| it.value.as_ref());
    let Some(secret) = secret else {
        let without = "no admin secret is given";
        return match serve.mode() {
            AuthMode::Dev => {
                Finding::ok(about, format!("{without}: `/api` is off, and `/metrics` is for this machine"))
            }
            AuthMode::Optional | AuthMode::Required => Finding::warning(
                about,
                format!("{without}: `/api` is off, and `/metrics` answers nobody"),
                "give KANVAS_ADMIN_SECRET, as `openssl rand -hex 32` makes one, if you want either",
            ),
        };
    };
    let mut letters = secret.as_encoded_bytes().to_vec();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < LETTERS {
        let says = "the admin secret is long enough and easy to guess, since few of its letters differ";
        return Finding::warning(about, says, "make one by chance: `openssl rand -hex 32`");
    }
    Finding::ok(about, "an admin secret is given: `/api` is on, and `/metrics` is for who sends it")
}
