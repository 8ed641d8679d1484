//! The pages of the demo and of the lab, which are part of the program. It owns their types and their fingerprints.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// One file of theirs.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its path below `/`.
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) content_type: &'static str,
    pub(crate) etag: String,
}

static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let page = |&(name, bytes): &(&'static str, &'static [u8])| Page {
        name,
        bytes,
        content_type: content_type(name),
        etag: format!("\"{}\"", hex(Sha256::digest(bytes).get(..8).unwrap_or_default())),
    };
    FILES.iter().map(page).collect()
});

/// The file at a path; `/` is `index.html`, `/lab/` is `lab/index.html`, and `/dashboard` is `dashboard.html`.
pub(crate) fn page(path: &str) -> Option<&'static Page> {
    let name = path.strip_prefix('/')?;
    let find = |wanted: &str| PAGES.iter().find(|page| page.name == wanted);
    match name {
        "" => find("index.html"),
        _ if name.ends_with('/') => find(&format!("{name}index.html")),
        _ => find(name).or_else(|| find(&format!("{name}.html"))),
    }
}

/// Whether there are pages below this path, which lacks its last slash.
pub(crate) fn is_folder(path: &str) -> bool {
    let index = path.strip_prefix('/').map(|name| format!("{name}/index.html"));
    index.is_some_and(|index| PAGES.iter().any(|page| page.name == index))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
