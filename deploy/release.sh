#!/usr/bin/env bash
# Builds what is shipped for Linux on x86-64 and arm64, into target/dist: an archive each, and SHA256SUMS. It runs on
# Debian for x86-64 with gcc-aarch64-linux-gnu and libc6-dev-arm64-cross; the programs need a glibc as new as that one's.
# Names of targets behind it build only those. Try an archive for arm64 there by qemu-user: qemu-aarch64 -L /usr/aarch64-linux-gnu.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar

[ $# -gt 0 ] || set -- x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The same commit makes the same archive: its time, no names of ours.
time=$(git log -1 --format=%ct)
mkdir -p target/dist
for target in "$@"; do
  rustup target add "$target"
  cargo build --release --locked --target "$target" -p kanvas-server
  name=kanvas-$version-$target
  folder=target/dist/$name
  rm -rf "$folder" && mkdir -p "$folder"
  strip=strip
  [ "$target" = x86_64-unknown-linux-gnu ] || strip=${target%%-*}-linux-gnu-strip
  "$strip" --strip-debug -o "$folder/kanvas" "target/$target/release/kanvas"
  cp -r docs/kanvas.toml deploy/systemd deploy/Caddyfile deploy/nginx.conf LICENSE-MIT LICENSE-APACHE "$folder"
  tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner -C target/dist -cf - "$name" | gzip -9n > "$folder.tar.gz"
  rm -rf "$folder"
done
(cd target/dist && sha256sum -- *.tar.gz > SHA256SUMS && cat SHA256SUMS)
