"""Gives each valid request an `Idempotency-Key` of its own and an acting user that there is, and sends the
lines of an import as they are.

A key that another request had is answered with 422, and so is a user that the directory does not have. No
description of the API can express which keys are used already, and which users there are.
"""

import itertools

import schemathesis

NAME = "Idempotency-Key"
ACTOR = "X-Convodb-Actor"
# `run` puts it.
USER = "usr_conformance"
LONGEST = 255
NUMBERS = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and case.headers and ACTOR in case.headers:
        case.headers[ACTOR] = USER
    if is_valid and case.headers and NAME in case.headers:
        number = f"{next(NUMBERS):06}"
        case.headers[NAME] = case.headers[NAME][: LONGEST - len(number)] + number


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
