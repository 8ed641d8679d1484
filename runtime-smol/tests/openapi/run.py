"""Holds a server against what it says of its API: python run.py <server>.

The document must be right in itself, and Schemathesis, which knows nothing but it, must find no answer that is not in
it. The same seed asks the same questions.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

import openapi_spec_validator

SECRET = "the-secret-of-this-test"
SEED = "20261123"
HERE = os.path.dirname(os.path.abspath(__file__))


def ask(method: str, address: str, body: dict | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method)) as answer:
        return answer.read()


def hand_over(address: str, directory: str) -> str:
    """Where the file is of a room that is handed over and forgotten."""
    ask("POST", f"{address}/api/rooms", {"id": "moved"})
    file = os.path.join(directory, "moved")
    with open(file, "wb") as out:
        out.write(ask("POST", f"{address}/api/rooms/moved/handover"))
    ask("DELETE", f"{address}/api/rooms/moved/handover")
    return file


def test(address: str, directory: str) -> int:
    document = json.loads(ask("GET", f"{address}/api/openapi.json"))
    openapi_spec_validator.validate(document)
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"),
        "run",
        f"{address}/api/openapi.json",
        "--phases=examples,coverage,fuzzing,stateful",
        "--checks=all",
        # In its place is one that knows of recordings: `formats.what_was_made_is_there`.
        "--exclude-checks=ensure_resource_availability",
        "--mode=all",
        f"--seed={SEED}",
        "--max-examples=100",
        "--continue-on-failure",
        "--no-color",
        f"--header=Authorization: Bearer {SECRET}",
    ]
    moved = hand_over(address, directory)
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": HERE, "KANVAS_MOVED": moved}
    return subprocess.run(command, cwd=directory, env=environment, check=False).returncode


def main() -> int:
    if len(sys.argv) != 2:
        print("Name the server to test: python run.py target/debug/kanvas", file=sys.stderr)
        return 2
    server_program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        command = [server_program, "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(directory, "data")]
        environment = {"KANVAS_ADMIN_SECRET": SECRET}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
        try:
            port = server.stdout.readline().strip().rsplit(":", 1)[-1]
            return 1 if test(f"http://127.0.0.1:{port}", directory) else 0
        finally:
            server.terminate()
            server.wait()


sys.exit(main())
