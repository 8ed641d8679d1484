//! Where each setting comes from: its flag, else the environment, else the settings file, else its default (CONF1). Every
//! value goes through the one parser that its declaration names, wherever it was given.

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::{Resettable, ValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::commands;
use crate::config::{self, Serve};
use crate::file::{self, Entry, Place, Problem, Value};
use crate::logging::LogFormat;

/// The file that is read where none is named.
const USUAL_FILE: &str = "kanvas.toml";

/// Everything that was told.
pub(crate) struct Told {
    /// The settings, if every value is allowed.
    pub(crate) serve: Option<Serve>,
    /// Every setting in the order of its declaration.
    pub(crate) settings: Vec<Setting>,
    /// The settings file that was read.
    pub(crate) file: Option<PathBuf>,
    pub(crate) problems: Vec<String>,
    pub(crate) format: LogFormat,
}

/// A setting and its value.
pub(crate) struct Setting {
    pub(crate) arg: Arg,
    /// `None` where the default depends on the machine.
    pub(crate) value: Option<OsString>,
    pub(crate) origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Variable(String),
    File(Place),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "--{name}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::File(place) => place.fmt(f),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// The command line that takes any value for a setting: which of its values counts is decided before any is judged.
pub(crate) fn command_line() -> Command {
    let names: Vec<_> = declared().iter().map(|arg| arg.get_id().clone()).collect();
    let any = |command: Command| {
        command.mut_args(|arg| {
            let is_setting = names.contains(arg.get_id()) || arg.get_id() == "config";
            // The values that there are stay in the help.
            let allowed: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            match is_setting {
                true if allowed.is_empty() => arg.value_parser(ValueParser::os_string()),
                true => {
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    arg.help(format!("{help} [possible values: {}]", allowed.join(", ")))
                        .value_parser(ValueParser::os_string())
                }
                false => arg,
            }
        })
    };
    any(commands::command()).mut_subcommands(any)
}

/// Every setting as it is declared.
pub(crate) fn declared() -> Vec<Arg> {
    Serve::augment_args(Command::new("kanvas")).get_arguments().cloned().collect()
}

/// The name of a setting: its key in the file, and with two hyphens its flag.
pub(crate) fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// Whether a setting is a number; the others are texts.
pub(crate) fn is_number(arg: &Arg) -> bool {
    let parsed = arg.get_value_parser().type_id();
    [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()].iter().any(|number| parsed == *number)
}

/// The setting's variable of the environment.
pub(crate) fn variable(arg: &Arg) -> String {
    arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Every variable of the environment that is read.
pub(crate) fn variables() -> Vec<String> {
    commands::command().get_arguments().map(variable).filter(|name| !name.is_empty()).collect()
}

/// What a setting is, and its default: that of the declaration, or what its words say where it depends on the machine.
pub(crate) fn described(arg: &Arg) -> (String, String) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let declared = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    match (declared, help.split_once(" [default: ")) {
        (None, Some((what, default))) => (what.to_owned(), default.trim_end_matches(']').to_owned()),
        (declared, _) => (help, declared.unwrap_or_default()),
    }
}

/// A value as the settings file has it.
pub(crate) fn in_toml(arg: &Arg, value: &str) -> String {
    if is_number(arg) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => drop(write!(text, "\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
}

/// What a setting may be, in the words of its own parser.
pub(crate) fn allowed(arg: &Arg) -> String {
    judge(arg, OsStr::new("")).err().unwrap_or_default()
}

/// Reads the file, and takes for each setting the value that leads.
pub(crate) fn resolve(matches: &ArgMatches) -> Told {
    let (file, entries, mut problems) = read_file(matches);
    let settings: Vec<_> = declared().into_iter().map(|arg| choose(matches, arg, &entries, &mut problems)).collect();
    for entry in &entries {
        if !settings.iter().any(|setting| name(&setting.arg) == entry.key) {
            problems.push(Problem { at: Some(entry.key_place.clone()), what: unknown(entry) });
        }
    }
    let format = match settings.iter().find(|setting| setting.arg.get_id() == "log_format") {
        Some(Setting { value: Some(value), .. }) if value == "json" => LogFormat::Json,
        Some(_) | None => LogFormat::Text,
    };
    // As one reads the file from its top.
    problems.sort_by(|one, other| one.at.cmp(&other.at));
    let problems = problems.iter().map(ToString::to_string).collect();
    let mut told = Told { serve: None, settings, file, problems, format };
    if told.problems.is_empty() {
        match build(&told.settings) {
            Ok(serve) => told.serve = Some(serve),
            Err(problem) => told.problems.push(problem),
        }
    }
    told
}

/// The value of one setting, for a command that has no more of them.
///
/// # Errors
/// Sentences for the operator.
pub(crate) fn one(matches: &ArgMatches, id: &str) -> Result<OsString, Vec<String>> {
    let (_, entries, mut problems) = read_file(matches);
    let arg = declared().into_iter().find(|arg| arg.get_id() == id);
    let value = arg.and_then(|arg| choose(matches, arg, &entries, &mut problems).value).unwrap_or_default();
    match problems.is_empty() {
        true => Ok(value),
        false => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

/// Whether the log of a command line that cannot be understood is wanted in JSON, as far as that can be told.
pub(crate) fn format_of_a_bad_line() -> LogFormat {
    let matches = command_line().ignore_errors(true).try_get_matches().ok();
    let last = matches.as_ref().map(|matches| matches.subcommand().map_or(matches, |(_, matches)| matches));
    let given = last.and_then(|matches| matches.try_get_raw("log_format").ok().flatten()?.next_back());
    if given.is_some_and(|value| value == "json") { LogFormat::Json } else { LogFormat::Text }
}

fn read_file(matches: &ArgMatches) -> (Option<PathBuf>, Vec<Entry>, Vec<Problem>) {
    let named = matches.get_raw("config").and_then(|mut values| values.next_back()).map(PathBuf::from);
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(USUAL_FILE));
    match file::read(&path) {
        Some(found) => (Some(path), found.entries, found.problems),
        None if is_named => {
            let what = format!("there is no settings file {}; check --config or KANVAS_CONFIG", shown(&path));
            (None, Vec::new(), vec![Problem { at: None, what }])
        }
        None => (None, Vec::new(), Vec::new()),
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { "with an empty name".into() } else { path.display().to_string() }
}

fn choose(matches: &ArgMatches, arg: Arg, entries: &[Entry], problems: &mut Vec<Problem>) -> Setting {
    let id = arg.get_id().as_str();
    let raw = || matches.get_raw(id).and_then(|mut values| values.next_back()).map(OsStr::to_owned);
    let from_file = entries.iter().find(|entry| entry.key == name(&arg));
    let (value, origin) = match (matches.value_source(id), from_file) {
        (Some(ValueSource::CommandLine), _) => (raw(), Origin::Flag(name(&arg).to_owned())),
        (Some(ValueSource::EnvVariable), _) => (raw(), Origin::Variable(variable(&arg))),
        (_, Some(entry)) => (text_of(&arg, entry, problems), Origin::File(entry.value_place.clone())),
        (_, None) => (raw(), Origin::Default),
    };
    if let Some(Err(allowed)) = value.as_deref().map(|value| judge(&arg, value)) {
        let value = value.as_deref().unwrap_or_default().to_string_lossy();
        let (at, subject) = match &origin {
            Origin::File(place) => (Some(place.clone()), name(&arg).to_owned()),
            Origin::Flag(_) | Origin::Variable(_) | Origin::Default => (None, origin.to_string()),
        };
        let what = match config::unsaid(id, &value) {
            Some(why) => format!("{subject} cannot be used: {why}"),
            None => format!("{subject} is {value:?}; it must be {allowed}"),
        };
        problems.push(Problem { at, what });
    }
    Setting { arg, value, origin }
}

/// A value of the file as its flag would have it, if it is of the right type.
fn text_of(arg: &Arg, entry: &Entry, problems: &mut Vec<Problem>) -> Option<OsString> {
    let given = match (&entry.value, is_number(arg)) {
        (Value::Text(text), false) | (Value::Whole(text), true) => return Some(text.into()),
        (Value::Text(_), true) => "a text in quotes",
        (Value::Whole(_), false) => "a number",
        (Value::Other(what), _) => what,
    };
    let quoted = if is_number(arg) { "" } else { "a text in quotes: " };
    let what = format!("{} is {given}; it must be {quoted}{}", entry.key, allowed(arg));
    problems.push(Problem { at: Some(entry.value_place.clone()), what });
    None
}

fn unknown(entry: &Entry) -> String {
    let key = &entry.key;
    if let Value::Other(what @ "a section") = entry.value {
        return format!("{key:?} is {what}, and a settings file has none; write its keys at the top");
    }
    let names: Vec<_> = declared().iter().map(|arg| name(arg).to_owned()).collect();
    match nearest(key, names.iter().map(String::as_str)) {
        Some(name) => format!("there is no setting {key:?}; perhaps {name} is meant"),
        None => format!("there is no setting {key:?}; `kanvas settings` prints all of them"),
    }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.map(|name| (strsim::jaro_winkler(word, name), name)).filter(|(alike, _)| *alike > 0.85);
    alike.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
}

/// Lets a setting's own parser judge a value. The error says what is allowed.
fn judge(arg: &Arg, value: &OsStr) -> Result<(), String> {
    let alone = Command::new("kanvas").no_binary_name(true).arg(arg.clone().env(Resettable::Reset));
    let error = match alone.try_get_matches_from([flag(arg, value)]) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    match (error.get(ContextKind::ValidValue), error.source()) {
        (Some(ContextValue::Strings(values)), _) => Err(values.join(" or ")),
        (_, Some(allowed)) => Err(allowed.to_string()),
        // Of a value that is no text nothing more can be said.
        (_, None) => Err("text in UTF-8".into()),
    }
}

fn flag(arg: &Arg, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{}=", name(arg)));
    flag.push(value);
    flag
}

/// The typed settings: each value as its flag would give it.
fn build(settings: &[Setting]) -> Result<Serve, String> {
    let flags = settings.iter().filter_map(|setting| Some(flag(&setting.arg, setting.value.as_deref()?)));
    let command =
        Serve::augment_args(Command::new("kanvas").no_binary_name(true)).mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
    Serve::from_arg_matches(&matches).map_err(|error| error.to_string())
}
