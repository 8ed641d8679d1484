#!/usr/bin/env bash
# Makes the Debian package of what is built for this machine, into target/debian. It needs cargo-deb (cargo install cargo-deb).
# Names of options behind it go to cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p kanvas-server
package=target/package
mkdir -p "$package"
target/release/kanvas completions bash > "$package/kanvas"
target/release/kanvas completions zsh > "$package/_kanvas"
target/release/kanvas completions fish > "$package/kanvas.fish"
cargo deb --no-build -p kanvas-server "$@"
