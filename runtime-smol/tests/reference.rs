//! That the reference pages are what the code says (REF), and that `docs/llms.txt` leads to every page.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Server, run};
use kanvas_core::{Close, Code};
use pulldown_cmark::{Event, HeadingLevel, Parser, Tag};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs/reference").join(name).with_extension("md")).unwrap()
}

/// The rows of a page's tables, each by its cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect()).collect()
}

/// The files below this place.
fn below(place: &Path, ext: &str, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            below(&path, ext, files);
        } else if path.extension().is_some_and(|found| found == ext) {
            files.push(path);
        }
    }
}

#[test]
fn ref1_the_pages_are_what_the_program_prints() {
    for name in ["metrics", "errors", "close-codes"] {
        let printed = run(&["reference", name]);
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let again = format!("make it again: cargo run -- reference {name} > docs/reference/{name}.md");
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), page(name), "{again}");
    }
}

#[test]
fn ref2_every_metric_of_a_server_has_its_words() {
    let server = Server::start(&[]);
    let told = server.get("/metrics", "").body;
    let told: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let page = page("metrics");
    let rows = rows(&page);
    let listed: BTreeSet<String> = rows.iter().skip(1).map(|row| row[0].to_owned()).collect();
    // What is counted by labels is told once there is something to count.
    let missing: Vec<_> = told.difference(&listed).collect();
    assert!(told.len() > 20 && missing.is_empty(), "{missing:?}");
    for row in &rows {
        assert!(row.len() == 6 && !row[1].is_empty() && !row[4].is_empty() && !row[5].is_empty(), "{row:?}");
    }
    let labels: BTreeSet<&str> = rows.iter().filter(|row| row[0].contains("closes")).map(|row| row[3]).collect();
    for known in ["`: 0, 1000, ", " 4201, ", "; `reason`: ", " lost, ", " slow_consumer, "] {
        assert!(labels.iter().all(|labels| labels.contains(known)), "{known} of {labels:?}");
    }
}

#[test]
fn ref3_every_error_and_close_has_its_words() {
    let (errors, closes) = (page("errors"), page("close-codes"));
    let (errors, closes) = (rows(&errors), rows(&closes));
    for code in Code::ALL {
        let row = errors.iter().find(|row| row[0] == code.as_str()).unwrap_or_else(|| panic!("{code:?}"));
        assert!(row[2] == code.message() && row[3..].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for close in Close::ALL {
        let code = close.code().to_string();
        let row = closes.iter().find(|row| row[0] == code).unwrap_or_else(|| panic!("{close:?}"));
        assert!(row[1] == close.reason() && row[2] == close.message() && !row[4].is_empty(), "{row:?}");
    }
    let misuses: Vec<_> =
        ["1002", "1003", "1007", "1008", "1009"].map(|code| closes.iter().any(|row| row[0] == code)).into();
    assert_eq!(misuses, [true; 5]);
    assert!(errors.iter().chain(&closes).all(|row| row.iter().all(|cell| !cell.is_empty())));
}

/// The words that this source refuses requests with, as far as they stand beside a status.
fn words(source: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let quoted = source.match_indices('"').map(|(at, _)| at);
    for at in quoted {
        let before = source[..at].trim_end();
        let is_code = before.ends_with("::bad(")
            || before.ends_with("code:")
            || before.rsplit_once("StatusCode::").is_some_and(|(_, name)| {
                name.strip_suffix(',').is_some_and(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
            })
            || before.rsplit_once("Mistake::new(").is_some_and(|(_, status)| {
                status.strip_suffix(',').is_some_and(|status| status.bytes().all(|b| b.is_ascii_digit()))
            });
        let word = source[at + 1..].split('"').next().unwrap_or_default();
        let is_code = is_code || before.ends_with("=>") && word.starts_with("bad_");
        if is_code && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            words.insert(word.to_owned());
        }
    }
    words
}

#[test]
fn ref3_every_word_of_a_refused_request_is_there() {
    let mut sources = Vec::new();
    below(&root().join("runtime-smol/src"), "rs", &mut sources);
    below(&root().join("core/src/backend"), "rs", &mut sources);
    below(&root().join("core/src/directory"), "rs", &mut sources);
    let said: BTreeSet<String> = sources
        .iter()
        .filter(|path| {
            !path.components().any(|part| ["reference", "tests"].iter().any(|name| part.as_os_str() == *name))
        })
        .flat_map(|path| words(&fs::read_to_string(path).unwrap()))
        .collect();
    assert!(said.len() > 20 && said.contains("misdirected") && said.contains("no_image"), "they are found: {said:?}");
    let (errors, closes) = (page("errors"), page("close-codes"));
    let errors: BTreeSet<_> = rows(&errors).iter().map(|row| row[0].to_owned()).collect();
    let closes: BTreeSet<_> = rows(&closes).iter().map(|row| row[1].to_owned()).collect();
    let missing: Vec<_> = said.iter().filter(|word| !errors.contains(*word) && !closes.contains(*word)).collect();
    assert_eq!(missing, ["ok", "ready"], "say in runtime-smol/src/reference/errors.rs what they mean");
}

#[test]
fn ref4_llms_txt_leads_to_every_page() {
    let docs = root().join("docs");
    let text = fs::read_to_string(docs.join("llms.txt")).unwrap();
    let events: Vec<_> = Parser::new(&text).collect();
    let titles = events.iter().filter(|e| matches!(e, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })));
    assert_eq!(titles.count(), 1, "a title");
    assert!(matches!(events[0], Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })), "it is the first");
    assert!(text.lines().any(|line| line.starts_with("> ")), "a summary");
    for line in text.lines().filter(|line| line.starts_with("- ")) {
        assert!(line.split_once("): ").is_some_and(|(_, note)| !note.is_empty()), "a link and a note: {line}");
    }
    let links = events.iter().filter_map(|event| {
        if let Event::Start(Tag::Link { dest_url, .. }) = event { Some(docs.join(&**dest_url)) } else { None }
    });
    let linked: BTreeSet<PathBuf> =
        links.map(|link| link.canonicalize().unwrap_or_else(|_| panic!("{} is not there", link.display()))).collect();
    let mut pages = vec![root().join("README.md"), root().join("core/SPEC.md"), root().join("SECURITY.md")];
    below(&docs, "md", &mut pages);
    let missing: Vec<_> = pages.iter().filter(|page| !linked.contains(*page)).collect();
    assert_eq!(missing, [] as [&PathBuf; 0], "pages that docs/llms.txt does not name");
}
