"""What the formats of `api/openapi.json` are, for Schemathesis: bounds that JSON Schema cannot say."""

import os
import pathlib
import re
import sys

import schemathesis
import schemathesis.core
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import ensure_resource_availability


# The room that is handed over and taken in, and its file.
MOVED = "moved"
FILE = pathlib.Path(os.environ["KANVAS_MOVED"])


@schemathesis.hook
def before_call(context, case, kwargs):
    """The server hears no request with a body where none belongs, whatever it asks for."""
    if case.method.upper() in ("GET", "HEAD", "OPTIONS"):
        case.body = schemathesis.core.NOT_SET
    # One room comes and goes; the others stay where they are.
    if "/handover" in case.path and re.fullmatch("[A-Za-z0-9_-]{1,64}", str(case.path_parameters.get("room", ""))):
        case.path_parameters["room"] = MOVED


@schemathesis.hook
def filter_body(context, body):
    """What JSON Schema cannot say: a change changes something, a number has its full precision, no text has NUL."""
    if isinstance(body, dict) and body.get("type") == "image:transform" and isinstance(body.get("data"), dict):
        known = ("src", "x", "y", "width", "height", "rotation", "z")
        changes = [key for key, value in body["data"].items() if key != "id" and not (key in known and value is None)]
        if not changes:
            return False
    return is_sayable(body)


@schemathesis.hook
def filter_case(context, case):
    """Nobody but the server can tell a text that is not of a format of ours from one that is."""
    mutations = case.meta.phase.data.mutations if case.meta else ()
    return not any("format" in mutation.keywords for mutation in mutations)


@schemathesis.check
def what_was_made_is_there(context, response, case):
    """Below a room that was made, all is there but its recording and its handover: those are made by themselves."""
    if "/recording" in case.operation.path or "/handover" in case.operation.path:
        return None
    return ensure_resource_availability(context, response, case)


def is_sayable(value) -> bool:
    if isinstance(value, dict):
        return all(is_sayable(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return all(is_sayable(item) for item in value)
    if isinstance(value, float):
        return value == 0 or abs(value) >= sys.float_info.min
    return not (isinstance(value, str) and "\0" in value)


letters = st.characters(codec="utf-8", categories=["L", "N", "P", "S"])


def text(chars: int, size: int):
    """Text that shows something, in characters and in bytes."""
    return st.text(letters, min_size=1, max_size=chars).filter(lambda text: len(text.encode()) <= size)


plain = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
# Few, so that they meet.
people = st.sampled_from(["ann", "bob", "user_2xÄ", "guest:1f", "a/b c"])
images = st.sampled_from(["a", "b", "Bild 1", "\U0001f5bc"])

schemathesis.openapi.media_type("application/octet-stream", st.builds(FILE.read_bytes))
schemathesis.openapi.format("search", text(16, 128))
schemathesis.openapi.format("cursor", st.sampled_from(["a.0.", "room-1.1790000000000.", "b_c.0.plan%20b"]))
schemathesis.openapi.format("room-id", plain)
schemathesis.openapi.format("room-name", text(16, 128))
schemathesis.openapi.format("user-id", people)
schemathesis.openapi.format("owner-id", st.sampled_from(["ann", "bob"]))
schemathesis.openapi.format("image-id", images)
schemathesis.openapi.format("image-address", plain.map("https://example.com/{}.png".format))
schemathesis.openapi.format("chat-text", text(100, 400))
schemathesis.openapi.format("field-name", text(12, 64))
