"""Gives each valid request an `Idempotency-Key` of its own, and sends the lines of an import as they are.

A key that another request had is answered with 422, and no description of the API can express which keys
are used already.
"""

import itertools

import schemathesis

NAME = "Idempotency-Key"
ACTOR = "X-Convodb-Actor"
LONGEST = 255
NUMBERS = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    # Of a request without a body it takes a header for valid that is not as its pattern says.
    if is_valid and case.headers and case.headers.get(ACTOR) == "0":
        del case.headers[ACTOR]
    if is_valid and case.headers and NAME in case.headers:
        number = f"{next(NUMBERS):06}"
        case.headers[NAME] = case.headers[NAME][: LONGEST - len(number)] + number


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
