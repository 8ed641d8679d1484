//! The log: its filter, its form, and the last words of a server that cannot start or go on, which are in the same form.

use std::io::{self, Write as _};

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, fmt, layer::SubscriberExt as _};

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: a line each, coloured on a terminal.
    Text,
    /// For programs: a JSON object a line.
    Json,
}

/// Reads a filter. The error says what is allowed.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::builder().parse(text).ok().filter(|_| !text.is_empty());
    filter.ok_or_else(|| "a log filter: error, warn, info, debug, trace, or target=level, with commas between".into())
}

/// Starts the log of the process. A fault of ours ends it: what was acknowledged is durable, and half a server would
/// serve nobody.
pub(crate) fn start(filter: EnvFilter, format: LogFormat) -> Result<(), String> {
    let log = Registry::default().with(layer(format)).with(filter);
    tracing::subscriber::set_global_default(log).map_err(|_| "the log is started already".to_owned())?;
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        last_words(format, &format!("internal error at {place}; the server stops, nothing acknowledged is lost"));
        std::process::exit(70);
    }));
    Ok(())
}

/// Says why the process ends, whatever the filter.
pub(crate) fn last_words(format: LogFormat, sentence: &str) {
    match format {
        // Nothing is left to do if nobody reads it.
        LogFormat::Text => drop(writeln!(io::stderr(), "kanvas: {sentence}.")),
        LogFormat::Json => {
            let log = Registry::default().with(layer(format));
            tracing::subscriber::with_default(log, || tracing::error!(target: "kanvas", "{sentence}"));
        }
    }
}

fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.compact().with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The process that panics is this test once more.
    #[test]
    fn conf11_a_fault_of_ours_is_told_in_the_form_of_the_log_whatever_the_filter() {
        const FORM: &str = "KANVAS_TEST_PANICS_WITH";
        if let Ok(form) = std::env::var(FORM) {
            start(filter("off").unwrap(), LogFormat::from_str(&form, false).unwrap()).unwrap();
            panic!("secret words");
        }
        let name = "logging::tests::conf11_a_fault_of_ours_is_told_in_the_form_of_the_log_whatever_the_filter";
        let told = |form: &str| {
            let mut again = Command::new(std::env::current_exe().unwrap());
            let output = again.args(["--exact", name, "--nocapture"]).env(FORM, form).output().unwrap();
            assert_eq!(output.status.code(), Some(70));
            String::from_utf8(output.stderr).unwrap()
        };
        let event: serde_json::Value = serde_json::from_str(&told("json")).unwrap();
        assert_eq!((&event["level"], &event["target"]), (&"ERROR".into(), &"kanvas".into()));
        for words in [told("text"), event["message"].as_str().unwrap().to_owned()] {
            assert!(words.contains("internal error at") && words.contains("logging.rs:"), "{words}");
            assert!(!words.contains("secret"), "what it panics with may be a person's words: {words}");
        }
    }
}
