"""A POST sent again with its Idempotency-Key answers what it answered first, and does no more."""

import re
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, WithJsonSchema

from app.kit.db.once import KeyedRequest
from app.kit.http.route_index import path_template

VISIBLE_ASCII = r"^[!-~]{1,255}$"
INVALID = "An Idempotency-Key is 1 to 255 visible ASCII characters, such as a UUID"


def check(key: str) -> str:
    if not re.fullmatch(VISIBLE_ASCII, key):
        raise ValueError(INVALID)
    return key


async def read_key(
    request: Request,
    key: Annotated[
        str | None,
        AfterValidator(check),
        WithJsonSchema({"type": "string", "pattern": VISIBLE_ASCII}),
        Header(
            alias="Idempotency-Key",
            description="A second request with this key, within a day, answers what the first did",
        ),
    ] = None,
) -> KeyedRequest | None:
    if key is None:
        return None
    # Where callers are known, add the caller: nobody should be answered another's result.
    scope = f"{request.method} {path_template(request.scope)}"
    sent = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    return KeyedRequest(scope, key, sha256(sent).hexdigest())


IdempotencyKeyDep = Annotated[KeyedRequest | None, Depends(read_key)]
