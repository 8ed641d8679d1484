"""Runs Autobahn's cases against a server built with the feature `echo`: python run.py <server>.

Every case must pass. Left out are the performance cases (9.*) and those of compression (12.*, 13.*), to which the
server never agrees. Outcomes that are not the strict one are listed.
"""

import asyncio
import collections
import os
import subprocess
import sys
import tempfile

import kosoku

CASES = 247
LEFT_OUT = ["9.*", "12.*", "13.*"]


def run(address: str) -> tuple[list, bool]:
    try:
        return asyncio.run(kosoku.run_fuzzingclient(address, None, LEFT_OUT)), True
    except kosoku.FailureError as failure:
        return failure.results, False


def judge(results: list, passed: bool) -> bool:
    for result in results:
        if result.behavior.value != "OK" or result.behavior_close.value != "OK":
            print(f"{result.case_id}: {result.behavior.value}, its close {result.behavior_close.value}")
    counted = collections.Counter(result.behavior.value for result in results)
    print(f"{len(results)} cases:", ", ".join(f"{count} {what}" for what, count in sorted(counted.items())))
    if len(results) != CASES:
        print(f"There should be {CASES} cases; see that kosoku is the version that the tests install.", file=sys.stderr)
    return passed and len(results) == CASES


def main() -> int:
    if len(sys.argv) != 2:
        print("Name the server to test: python run.py target/debug/kanvas", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as data:
        command = [sys.argv[1], "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(data, "data")]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, text=True)
        try:
            port = server.stdout.readline().strip().rsplit(":", 1)[-1]
            return 0 if judge(*run(f"ws://127.0.0.1:{port}/party/echo")) else 1
        finally:
            server.terminate()
            server.wait()


sys.exit(main())
