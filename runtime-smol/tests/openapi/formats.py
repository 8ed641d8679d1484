"""What the formats of `api/openapi.json` are, for Schemathesis: bounds that JSON Schema cannot say."""

import schemathesis
from hypothesis import strategies as st

letters = st.characters(codec="utf-8", categories=["L", "N", "P", "S"])


def text(chars: int, size: int):
    """Text that shows something, in characters and in bytes."""
    return st.text(letters, min_size=1, max_size=chars).filter(lambda text: len(text.encode()) <= size)


plain = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
# Few, so that they meet.
people = st.sampled_from(["ann", "bob", "user_2xÄ", "guest:1f", "a/b c"])
images = st.sampled_from(["a", "b", "Bild 1", "\U0001f5bc"])
# None that is too small to have kept its precision.
numbers = st.floats(-1e9, 1e9, allow_subnormal=False) | st.integers(-1_000_000_000, 1_000_000_000)
sizes = st.floats(1e-3, 1e9, allow_subnormal=False) | st.integers(1, 1_000_000_000)
scalars = plain | st.booleans() | st.none() | st.integers(-(2**53) + 1, 2**53 - 1)

schemathesis.openapi.format("search", text(16, 128))
schemathesis.openapi.format("cursor", st.sampled_from(["a.0.", "room-1.1790000000000.", "b_c.0.plan%20b"]))
schemathesis.openapi.format("room-id", plain)
schemathesis.openapi.format("room-name", text(16, 128))
schemathesis.openapi.format("user-id", people)
schemathesis.openapi.format("owner-id", st.sampled_from(["ann", "bob"]))
schemathesis.openapi.format("image-id", images)
schemathesis.openapi.format("image-address", plain.map("https://example.com/{}.png".format))
schemathesis.openapi.format("chat-text", text(100, 400))
schemathesis.openapi.format("coordinate", numbers)
schemathesis.openapi.format("size", sizes)
schemathesis.openapi.format("field-name", text(12, 64))
schemathesis.openapi.format("further-value", scalars)
schemathesis.openapi.format("app-event", st.dictionaries(plain, scalars, max_size=5))
