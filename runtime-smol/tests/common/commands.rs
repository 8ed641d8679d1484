//! Runs the program's commands to their end, beside a server or without one.

use std::path::Path;

use super::kanvas;

/// What a command said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

/// Runs it in a directory.
pub(crate) fn tell(directory: &Path, args: &[&str]) -> Told {
    let output = kanvas().current_dir(directory).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let told = Told { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) };
    assert!(!told.errors.contains("panicked"), "{args:?}: {told:?}");
    told
}

/// What it printed in doing what it was told.
pub(crate) fn done(directory: &Path, args: &[&str]) -> String {
    let told = tell(directory, args);
    assert_eq!((told.code, told.errors.as_str()), (Some(0), ""), "{args:?}: {told:?}");
    told.out
}

/// The one sentence with which it refused.
pub(crate) fn refused(directory: &Path, args: &[&str]) -> String {
    let told = tell(directory, args);
    assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{args:?}: {told:?}");
    let sentence = told.errors.trim_end();
    assert!(sentence.starts_with("kanvas: ") && sentence.ends_with('.') && !sentence.contains('\n'), "{told:?}");
    for debug in ["Error", "Fault", "Some(", "Os {", "No such file"] {
        assert!(!sentence.contains(debug), "{sentence}");
    }
    sentence.to_owned()
}
