//! The committed corpus of the fuzz targets, replayed: what a fuzzer once found interesting stays true.
#![allow(missing_docs, reason = "the names of the tests say what they are about")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kanvas_core::sim::fuzz::{TARGETS, Target};

fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.sort();
    files
}

/// Runs a target on every file of its corpus.
fn replay(target: &str) {
    let (_, body): &Target = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let files = files(target);
    assert!(files.len() >= 10, "only {} files in fuzz/corpus/{target}", files.len());
    for file in &files {
        let bytes = std::fs::read(file).expect("a file of the corpus can be read");
        let held = catch_unwind(AssertUnwindSafe(|| body(&bytes)));
        assert!(held.is_ok(), "the target `{target}` fails on {} (see above why)", file.display());
    }
}

#[test]
fn the_corpus_of_wire_holds() {
    replay("wire");
}

#[test]
fn the_corpus_of_text_holds() {
    replay("text");
}

#[test]
fn the_corpus_of_room_holds() {
    replay("room");
}

#[test]
fn the_corpus_of_converge_holds() {
    replay("converge");
}

#[test]
fn the_corpus_of_forget_holds() {
    replay("forget");
}

#[test]
fn the_corpus_of_crash_holds() {
    replay("crash");
}

#[test]
fn the_corpus_of_directory_holds() {
    replay("directory");
}

#[test]
fn the_corpus_of_recording_holds() {
    replay("recording");
}

#[test]
fn the_corpus_of_jwt_holds() {
    replay("jwt");
}

#[test]
fn the_corpus_of_jwks_holds() {
    replay("jwks");
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect("the folders of the fuzz targets are there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}
