"""What Schemathesis must know of a request, and cannot read in the OpenAPI document."""

from typing import Any
from uuid import uuid4

import schemathesis


@schemathesis.hook
def before_call(
    _: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]
) -> None:
    assert case.meta
    if case.meta.generation.mode.is_positive:
        # The key of another request is refused, and should be.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = uuid4().hex
        # The coverage phase sends this wherever a pattern asks for quotation marks.
        if case.headers.get("If-Match") == "0":
            case.headers["If-Match"] = '"1"'
        # Only a page knows which cursor follows it.
        case.query.pop("cursor", None)
