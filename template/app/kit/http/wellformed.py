"""What is refused before anything looks at it."""

from fastapi import status
from starlette.types import ASGIApp, Receive, Scope, Send

from app.kit.http.problems import problem

# Where there are two, a proxy and this service may read different ones.
ONCE = {
    b"authorization",
    b"content-length",
    b"content-type",
    b"host",
    b"idempotency-key",
    b"transfer-encoding",
}
MOST_PARAMETERS = 1_000
LONGEST_LENGTH = 18  # digits, of any Content-Length that is meant


def find_fault(scope: Scope) -> str | None:
    seen: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in ONCE:
            if name in seen:
                return f"There are two headers {name.decode()}."
            seen[name] = value
    if b"host" not in seen and scope["http_version"] == "1.1":
        return "There is no header host."
    if b"content-length" in seen:
        if b"transfer-encoding" in seen:
            return "There is a content-length beside a transfer-encoding."
        length = seen[b"content-length"]
        if not length.isdigit() or len(length) > LONGEST_LENGTH:
            return "The content-length is no number of bytes."
    if scope["query_string"].count(b"&") >= MOST_PARAMETERS:
        return f"The query has more than {MOST_PARAMETERS} parameters."
    return None


class WellFormed:
    """400 for a request that can be read in two ways, or in no time; uvicorn lets them in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if fault := find_fault(scope):
                refusal = problem(
                    status.HTTP_400_BAD_REQUEST, fault, headers={"Connection": "close"}
                )
                await refusal(scope, receive, send)
                return
            # `/a%2Fb` is one segment and no `/a/b`, which is what Starlette would make of it.
            if b"%2f" in scope.get("raw_path", b"").lower():
                missing = problem(status.HTTP_404_NOT_FOUND, "There is nothing at this path.")
                await missing(scope, receive, send)
                return
        await self.app(scope, receive, send)
