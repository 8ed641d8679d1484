//! That the pages of this repository hold together: links lead somewhere, commands are those of today, paths are there.
//! Links to elsewhere are not followed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::run;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// What of a page can be stale.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
    commands: Vec<String>,
    spans: Vec<String>,
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let (mut heading, mut shell) = (None::<String>, false);
    for event in Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let mut anchor = slug.clone();
                for no in 1.. {
                    if page.anchors.insert(anchor) {
                        break;
                    }
                    anchor = format!("{slug}-{no}");
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string())
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => shell = &*language == "sh",
            Event::End(TagEnd::CodeBlock) => shell = false,
            Event::Text(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
                if shell {
                    page.commands.extend(text.replace("\\\n", " ").lines().map(str::to_owned));
                }
            }
            Event::Code(code) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&code);
                }
                page.commands.push(code.to_string());
                page.spans.push(code.to_string());
            }
            Event::Start(_)
            | Event::End(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }
    page
}

/// The anchor that a heading gets where the pages are read.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// What was found to be stale, in sentences.
struct Stale {
    links: Vec<String>,
    commands: Vec<String>,
    paths: Vec<String>,
}

/// What the pages may speak of.
struct Repository {
    root: PathBuf,
    /// The folders at its top.
    folders: BTreeSet<String>,
    /// The folder of each package.
    packages: BTreeMap<String, PathBuf>,
    pages: Vec<PathBuf>,
}

impl Repository {
    fn here() -> Repository {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut here =
            Repository { root: root.clone(), folders: BTreeSet::new(), packages: BTreeMap::new(), pages: Vec::new() };
        here.walk(&root);
        here
    }

    fn walk(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() {
                if ["target", "node_modules", ".git"].contains(&name.as_str()) {
                    continue;
                }
                if folder == self.root {
                    self.folders.insert(name);
                }
                self.walk(&path);
            } else if name == "Cargo.toml" {
                let text = fs::read_to_string(&path).unwrap();
                if let Some(name) = text.lines().find_map(|line| line.strip_prefix("name = \"")) {
                    self.packages.insert(name.trim_end_matches('"').to_owned(), folder.to_owned());
                }
            } else if name.ends_with(".md") {
                self.pages.push(path);
            }
        }
    }

    /// Everything in a page that is stale.
    fn stale(&self, path: &Path, text: &str) -> Stale {
        let page = read(text);
        Stale {
            links: page.links.iter().filter_map(|link| self.dead_link(path, &page, link)).collect(),
            commands: page.commands.iter().flat_map(|line| self.stale_commands(line)).collect(),
            paths: page.spans.iter().filter_map(|span| self.lost_path(span)).collect(),
        }
    }

    fn dead_link(&self, path: &Path, page: &Page, link: &str) -> Option<String> {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { path.to_owned() } else { path.parent()?.join(file) };
        if !file.is_empty() && !target.exists() {
            return Some(format!("the link {link} leads nowhere"));
        }
        let there = if file.is_empty() { None } else { fs::read_to_string(&target).ok().map(|text| read(&text)) };
        let anchors = &there.as_ref().unwrap_or(page).anchors;
        (!anchor.is_empty() && !anchors.contains(anchor)).then(|| format!("the link {link} names no heading there"))
    }

    fn stale_commands(&self, line: &str) -> Vec<String> {
        let commands = line.split(['|', ';', '>', '#']).flat_map(|part| part.split("&&"));
        let stale = commands.filter_map(|command| {
            let words = command
                .split_whitespace()
                .skip_while(|word| word.split_once('=').is_some_and(|(name, _)| is_variable(name)));
            let words: Vec<_> = words.collect();
            match words.split_first() {
                Some((&"kanvas", args)) => unknown_to_kanvas(args),
                Some((&"cargo", args)) => self.unknown_to_cargo(args),
                _ => None,
            }
        });
        stale.map(|why| format!("{line:?}: {why}")).collect()
    }

    fn unknown_to_cargo(&self, args: &[&str]) -> Option<String> {
        let (own, passed) = match args.iter().position(|arg| *arg == "--") {
            Some(at) => (&args[..at], &args[at + 1..]),
            None => (args, [].as_slice()),
        };
        let value = |flags: &[&str]| {
            own.iter().zip(own.iter().skip(1)).find(|(flag, _)| flags.contains(flag)).map(|(_, value)| *value)
        };
        let named = value(&["-p", "--package"]);
        let folders: Vec<_> =
            self.packages.iter().filter(|(name, _)| named.is_none_or(|named| named == *name)).collect();
        if folders.is_empty() {
            return Some(format!("there is no package {}", named.unwrap_or_default()));
        }
        for (flag, kind, folder) in
            [("--test", "test", "tests"), ("--bench", "bench", "benches"), ("--example", "example", "examples")]
        {
            let Some(name) = value(&[flag]) else { continue };
            let named = format!("[[{kind}]]\nname = \"{name}\"\n");
            let in_its_folder = |at: &Path| {
                let files = [format!("{name}.rs"), format!("{name}/main.rs")];
                files.iter().any(|file| at.join(folder).join(file).exists())
            };
            let is_there = |at: &Path| in_its_folder(at) || manifest(at).contains(&named);
            if !folders.iter().any(|(_, at)| is_there(at)) {
                return Some(format!("there is no {flag} {name}"));
            }
        }
        for feature in value(&["--features", "-F"]).into_iter().flat_map(|features| features.split(',')) {
            let has = |at: &Path| manifest(at).contains(&format!("\n{feature} = ["));
            if !folders.iter().any(|(_, at)| has(at)) {
                return Some(format!("there is no feature {feature}"));
            }
        }
        let other = ["-p", "--package", "--bin", "--example", "--manifest-path"];
        let runs_kanvas = own.first() == Some(&"run") && !own.iter().any(|flag| other.contains(flag));
        runs_kanvas.then(|| unknown_to_kanvas(passed)).flatten()
    }

    fn lost_path(&self, span: &str) -> Option<String> {
        let first = span.split_once('/')?.0;
        let is_path = self.folders.contains(first) && !span.contains([' ', '*', '<', '…']);
        (is_path && !self.root.join(span).exists()).then(|| format!("there is no {span}"))
    }
}

fn manifest(package: &Path) -> String {
    fs::read_to_string(package.join("Cargo.toml")).unwrap()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The program reads its words up to the first that it does not know, and asked for help it does nothing else.
fn unknown_to_kanvas(args: &[&str]) -> Option<String> {
    if args.contains(&"…") {
        return None;
    }
    let output = run(&[args, &["--help"]].concat());
    let words = String::from_utf8(output.stderr).unwrap();
    (!output.status.success()).then(|| words.lines().next().unwrap_or_default().to_owned())
}

/// What of one kind is stale in all pages.
fn stale(kind: fn(Stale) -> Vec<String>) -> Vec<String> {
    let here = Repository::here();
    assert!(here.pages.len() >= 6, "the pages are found: {:?}", here.pages);
    let in_page = |page: &PathBuf| {
        let found = kind(here.stale(page, &fs::read_to_string(page).unwrap()));
        found.into_iter().map(|what| format!("{}: {what}", page.display())).collect::<Vec<_>>()
    };
    here.pages.iter().flat_map(in_page).collect()
}

#[test]
fn doc3_links_between_the_pages_lead_somewhere() {
    assert_eq!(stale(|found| found.links), [] as [&str; 0]);
}

#[test]
fn doc4_the_commands_of_the_pages_are_those_of_today() {
    assert_eq!(stale(|found| found.commands), [] as [&str; 0]);
}

#[test]
fn doc5_the_paths_that_the_pages_name_are_there() {
    assert_eq!(stale(|found| found.paths), [] as [&str; 0]);
}

#[test]
fn doc3_doc4_doc5_what_is_stale_is_found() {
    let page = "# A `word`, twice!\n## A word twice\n\
        [a](#a-word-twice) [b](#a-word-twice-1) [c](#a-word-thrice) [d](README.md#kanvas) [e](README.md#how) [f](gone.md) \
        [g](https://example.com/gone)\n\
        `kanvas --listen 127.0.0.1:1` `kanvas --listn x` `core/SPEC.md` `core/gone.rs` `/assets/x` `and/or`\n\n\
        ```sh\nKANVAS_GRACE=3 kanvas serve --data \\\n  /tmp/x --gone\nkanvas gone && kanvas completions bash > file\n\
        cargo run --release -- settings\ncargo run -- --gone\ncargo test -p kanvas-core --test sim\n\
        cargo test -p kanvas-gone\ncargo test -p kanvas-core --test start\ncargo test --test gone\n\
        cargo test -p kanvas-core --features sim\ncargo test --features gone  # so\nother --gone\n```\n";
    let here = Repository::here();
    let Stale { links, commands, paths } = here.stale(&here.root.join("page.md"), page);
    for (found, expected) in [
        (
            links,
            [
                "the link #a-word-thrice names no heading there",
                "the link README.md#how names no heading there",
                "the link gone.md leads nowhere",
            ]
            .as_slice(),
        ),
        (
            commands,
            &[
                "unexpected argument '--listn' found",
                "unexpected argument '--gone' found",
                "unrecognized subcommand 'gone'",
                "unexpected argument '--gone' found",
                "there is no package kanvas-gone",
                "there is no --test start",
                "there is no --test gone",
                "there is no feature gone",
            ],
        ),
        (paths, &["there is no core/gone.rs"]),
    ] {
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.ends_with(expected), "{found}\n{expected}");
        }
    }
}
