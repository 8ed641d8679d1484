//! The settings file, read into pairs that remember their place. It owns the syntax; which keys there are and which
//! values they may have is for `settings`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue, Error};

use crate::start::reason;

/// Nobody writes so long a file; a device or a wrong path might have no end.
const MOST_BYTES: u64 = 1 << 20;

/// The parser's words for a key that stands twice.
const TWICE: &str = "duplicate key";

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct SettingsFile {
    pub(crate) entries: Vec<Entry>,
    /// What keeps it from being read whole.
    pub(crate) problems: Vec<Problem>,
}

/// What is wrong with the settings, in a sentence, and where if that is a place in the file.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) at: Option<Place>,
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(place) => write!(f, "{place}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// One line of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Value,
    pub(crate) value_place: Place,
}

/// A value as a setting may have it.
#[derive(Debug)]
pub(crate) enum Value {
    Text(String),
    Whole(String),
    /// What no setting is, by name.
    Other(&'static str),
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: PathBuf,
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Reads the file; `None` if it is not there.
pub(crate) fn read(path: &Path) -> Option<SettingsFile> {
    let refuse = |what: String| {
        let problems = vec![Problem { at: None, what }];
        Some(SettingsFile { problems, entries: Vec::new() })
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => refuse(format!("the settings file {} cannot be read ({})", path.display(), reason(&error))),
        Ok(_) if bytes.len() as u64 > MOST_BYTES => {
            refuse(format!("{} is over 1 MiB, which is no settings file; check its path", path.display()))
        }
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => Some(parse(path, &text)),
            Err(_) => refuse(format!("{} is not text in UTF-8; save it as such", path.display())),
        },
    }
}

fn parse(path: &Path, text: &str) -> SettingsFile {
    let place = |at: usize| place(path, text, at);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found = SettingsFile::default();
    let mut broken = None;
    for error in &errors {
        let at = place(error.span().map_or(text.len(), |span| span.start));
        // One slip of the pen makes several errors behind it.
        if broken.replace(at.line) != Some(at.line) {
            found.problems.push(Problem { at: Some(at), what: sentence(text, error) });
        }
    }
    if errors.iter().any(|error| error.message() != TWICE) {
        // What such a text says besides is a guess.
        return found;
    }
    for (key, value) in table.into_inner() {
        let (key_place, value_place) = (place(key.span().start), place(value.span().start));
        let value = read_value(value.get_ref());
        found.entries.push(Entry { key: key.into_inner().into_owned(), key_place, value, value_place });
    }
    found.entries.sort_by_key(|entry| (entry.key_place.line, entry.key_place.column));
    found
}

fn sentence(text: &str, error: &Error) -> String {
    let what = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    if error.message() == TWICE {
        return format!("{what} stands twice; keep one");
    }
    let message = error.message().replace('\n', " ");
    format!("this is no TOML ({message}); each line is a key, an equals sign and a value, with texts in quotes")
}

fn read_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number.to_string()),
            // Beyond every bound; as it was written it says so.
            Err(_) => Value::Whole(number.to_string()),
        },
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Boolean(_) => Value::Other("true or false"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(_) => Value::Other("a list"),
        DeValue::Table(_) => Value::Other("a section"),
    }
}

/// Lines and columns count from 1, columns in characters.
fn place(path: &Path, text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place { file: path.to_owned(), line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}
