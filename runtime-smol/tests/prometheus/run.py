"""Holds what is shipped for Prometheus and Grafana against a server: python3 run.py <server>.

A real Prometheus reads the server's metrics while people are in a room. Everything that the dashboard asks must then
have an answer, and every alert must be one that Prometheus can work out.
"""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

SECRET = "the-secret-of-this-test"
DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy")
PATIENCE_SECONDS = 60


class Person(threading.Thread):
    """Somebody in a room, who moves a cursor and an image for as long as the test lasts."""

    def __init__(self, address: str, name: str, done: threading.Event):
        super().__init__(daemon=True)
        host, port = address.split(":")
        self.done, self.name_in_room = done, name
        self.stream = socket.create_connection((host, int(port)))
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall(
            f"GET /parties/main/plans?_pk={name} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = self.stream.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head

    def say(self, event: dict) -> None:
        payload, mask = json.dumps(event).encode(), os.urandom(4)
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
        self.stream.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def run(self) -> None:
        threading.Thread(target=self.read, daemon=True).start()
        self.say({"type": "user:join", "data": {"name": self.name_in_room}})
        image = f"image-{self.name_in_room}"
        place = {"src": "https://example.com/p.png", "x": 0, "y": 0, "width": 10, "height": 10}
        self.say({"type": "image:add", "id": f"{image}-0", "data": {"id": image, **place}})
        count = 0
        while not self.done.wait(0.05):
            count += 1
            self.say({"type": "cursor:move", "data": {"x": count, "y": count}})
            self.say({"type": "image:update", "id": f"{image}-{count}", "data": {"id": image, "x": count}})
            if count % 20 == 0:
                self.say({"type": "nothing"})

    def read(self) -> None:
        while self.stream.recv(65536):
            pass


def ask(prometheus: str, path: str, **query: str) -> dict:
    with urllib.request.urlopen(f"{prometheus}{path}?{urllib.parse.urlencode(query)}") as answer:
        answer = json.loads(answer.read())
    assert answer["status"] == "success", answer
    return answer["data"]


def until(what: str, holds) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            sys.exit(f"it never came: {what}")
        time.sleep(0.2)


def questions() -> list[tuple[str, str]]:
    with open(os.path.join(DEPLOY, "grafana/kanvas.json"), encoding="utf-8") as file:
        board = json.load(file)
    known = {"$__rate_interval": "10s", "$job": ".+", "$instance": ".+"}
    asked = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    asked += [("Annotation", note["expr"]) for note in board["annotations"]["list"]]
    assert len(asked) > 30, asked
    filled = [(title, re.sub("|".join(map(re.escape, known)), lambda name: known[name.group()], e)) for title, e in asked]
    assert not any("$" in expression for _, expression in filled), filled
    for panel in board["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}", panel["title"]
    return filled


def check_alerts() -> None:
    rules = os.path.join(DEPLOY, "prometheus")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        subprocess.run(["promtool", *command], cwd=rules, check=True)


def configuration(directory: str, address: str) -> str:
    """The file that is shipped, with this server's address, and asking more often."""
    with open(os.path.join(DEPLOY, "prometheus/prometheus.yml"), encoding="utf-8") as file:
        text = file.read()
    for shipped, here in (
        ("127.0.0.1:1999", address),
        ("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s"),
        ("- alerts.yml", f"- {os.path.abspath(os.path.join(DEPLOY, 'prometheus/alerts.yml'))}"),
    ):
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    with open(os.path.join(directory, "kanvas.secret"), "w", encoding="utf-8") as file:
        file.write(SECRET)
    path = os.path.join(directory, "prometheus.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def hold_against(prometheus: str) -> None:
    until("a good scrape", lambda: ask(prometheus, "/api/v1/query", query='up{job="kanvas"} == 1')["result"])
    fanned = "increase(kanvas_fan_out_duration_seconds_count[10s]) > 5"
    until("counted traffic", lambda: ask(prometheus, "/api/v1/query", query=fanned)["result"])
    target = ask(prometheus, "/api/v1/targets")["activeTargets"][0]
    assert target["health"] == "up" and target["lastError"] == "", target
    unanswered = []
    for title, question in questions():
        answer = ask(prometheus, "/api/v1/query", query=question)["result"]
        may_be_silent = question.endswith("> 0")
        if not answer and not may_be_silent:
            unanswered.append((title, question))
    assert not unanswered, unanswered
    told = ask(prometheus, "/api/v1/query", query='sum by (code) (rate(kanvas_errors_total[10s])) > 0')["result"]
    assert [sample["metric"]["code"] for sample in told] == ["unknown_type"], told
    groups = ask(prometheus, "/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    until("all rules worked out", lambda: all(
        rule["health"] == "ok" for group in ask(prometheus, "/api/v1/rules")["groups"] for rule in group["rules"]
    ))
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    assert firing == [], firing
    print(f"{len(questions())} questions answered, {len(rules)} alerts worked out")


def main() -> None:
    check_alerts()
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "KANVAS_ADMIN_SECRET": SECRET}
        command = [os.path.abspath(sys.argv[1]), "--listen", "127.0.0.1:0", "--data", os.path.join(directory, "data")]
        server = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
        processes, done = [server], threading.Event()
        try:
            address = server.stdout.readline().strip().rsplit("/", 1)[-1]
            people = [Person(address, name, done) for name in ("ann", "bob")]
            for person in people:
                person.start()
            port = free_port()
            command = [
                "prometheus",
                f"--config.file={configuration(directory, address)}",
                f"--storage.tsdb.path={directory}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ]
            processes.append(subprocess.Popen(command))
            hold_against(f"http://127.0.0.1:{port}")
        finally:
            done.set()
            for process in processes:
                process.terminate()
                process.wait()


main()
