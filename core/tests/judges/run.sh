#!/usr/bin/env bash
# Holds Kanvas's check of tokens against @clerk/backend and PyJWT, which it installs below target/.
set -euo pipefail
cd "$(dirname "$0")"
place="$(cd ../../.. && pwd)/target/judges"
mkdir -p "$place"

cp package.json package-lock.json "$place/"
npm ci --prefix "$place" --no-audit --no-fund --loglevel=error
[ -x "$place/venv/bin/pip" ] || python3 -m venv --clear "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r requirements.txt
(cd ../../.. && cargo build -p kanvas-core --features clerk --example judge --profile test --locked --quiet)
KANVAS_JUDGE="$place/../debug/examples/judge" PYTHON_JUDGE="$place/venv/bin/python" NODE_JUDGE="$place" node --test judges.test.mjs
