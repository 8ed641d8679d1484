"""Says of each token on its input whether PyJWT takes it: the same lines as examples/judge.rs reads."""

import datetime
import json
import sys

import jwt


def at(now):
    """PyJWT takes the time from here."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(now / 1000, tz)

    jwt.api_jwt.datetime = Clock


def word(case, key):
    at(case["now"])
    try:
        jwt.decode(
            case["token"],
            key,
            algorithms=["RS256"],
            issuer=case["issuer"],
            audience=case["audience"] or None,
            leeway=5,
            options={"require": ["exp", "sub"], "verify_aud": bool(case["audience"])},
        )
    except jwt.PyJWTError as refusal:
        return type(refusal).__name__
    return "ok"


key = json.loads(sys.stdin.readline())
for line in sys.stdin:
    print(word(json.loads(line), key))
