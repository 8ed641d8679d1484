//! That the rules of `SPEC.md` and the tests are one list: each rule has a test whose name begins with its number, and
//! no test bears a number that is no rule's. What the tests say of a rule is their own business.

use std::collections::BTreeSet;
use std::path::Path;

/// The ids of the rules, in lower case.
fn rules() -> BTreeSet<String> {
    let spec = include_str!("../SPEC.md");
    let ids = spec.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("** "));
    ids.map(|(id, _)| id.to_lowercase()).collect()
}

/// Adds the names of the tests of every source below this place.
fn tests_below(place: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(place).expect("the sources are there").map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                tests_below(&path, names);
            }
        } else if path.extension().is_some_and(|ext| ext == "mjs") {
            for line in std::fs::read_to_string(&path).unwrap().lines().map(str::trim) {
                let call = line.strip_prefix("test(").or(line.strip_prefix("describe("));
                let name = call.map(|rest| rest.trim_start_matches(['"', '\'', '`']));
                names.extend(name.and_then(|name| name.split(['"', '\'', '`', ' ']).next()).map(str::to_owned));
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let mut marked = false;
            for line in std::fs::read_to_string(&path).unwrap().lines().map(str::trim) {
                if let Some(name) = line.strip_prefix("fn ").filter(|_| marked) {
                    names.insert(name.split('(').next().unwrap_or_default().to_owned());
                }
                marked = line == "#[test]" || (marked && line.starts_with("#["));
            }
        }
    }
}

fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests_below(&root.join("src"), &mut names);
    tests_below(&root.join("tests"), &mut names);
    tests_below(&root.join("../benches/tests"), &mut names);
    tests_below(&root.join("../runtime-smol/src"), &mut names);
    tests_below(&root.join("../runtime-smol/tests"), &mut names);
    tests_below(&root.join("../runtime-wasm/tests"), &mut names);
    tests_below(&root.join("../runtime-wasm/worker/tests"), &mut names);
    names
}

/// The number that a test bears, if its name begins with letters and digits, as a rule's does.
fn id_of(test: &str) -> Option<&str> {
    let id = test.split('_').next()?;
    let digits = id.trim_start_matches(|c: char| c.is_ascii_lowercase());
    (digits.len() < id.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

#[test]
fn every_rule_has_a_test() {
    let tests = tests();
    let tested: BTreeSet<&str> = tests.iter().filter_map(|test| id_of(test)).collect();
    let rules = rules();
    let untested: Vec<_> = rules.iter().filter(|id| !tested.contains(id.as_str())).collect();
    assert!(rules.len() > 100, "the rules can be found: {rules:?}");
    assert_eq!(untested, [] as [&String; 0], "rules without a test");
}

#[test]
fn every_numbered_test_is_of_a_rule() {
    let (rules, tests) = (rules(), tests());
    let strangers: Vec<_> = tests.iter().filter(|test| id_of(test).is_some_and(|id| !rules.contains(id))).collect();
    assert_eq!(strangers, [] as [&String; 0], "tests of rules that are not there");
}

#[test]
fn the_rules_of_a_kind_are_numbered_without_a_gap_or_a_second() {
    let spec = include_str!("../SPEC.md");
    let lines = spec.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("** "));
    let mut last = (String::new(), 0);
    for (id, _) in lines {
        let at = id.find(|c: char| c.is_ascii_digit()).expect("a number");
        let number: u32 = id[at..].parse().unwrap();
        let expected = if last.0 == id[..at] { last.1 + 1 } else { 1 };
        assert_eq!(number, expected, "{id}");
        last = (id[..at].to_owned(), number);
    }
}
