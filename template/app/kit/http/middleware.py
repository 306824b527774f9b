"""What surrounds every request."""

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from uuid_utils import uuid4

from app.kit.http.access_log import AccessLog
from app.kit.http.limits import BodyLimit
from app.kit.http.timeout import RequestTimeout
from app.kit.http.timing import Timing
from app.kit.http.wellformed import WellFormed


def add_middleware(
    app: FastAPI,
    *,
    request_timeout: float = 4,
    max_body_size: int = 1024 * 1024,
    max_body_values: int = 10_000,
    body_timeout: float = 10,
    log_json: bool = False,
    timing: bool = False,
    cors_origins: list[str] | None = None,
) -> None:
    # add_middleware wraps what is there already: the last one added is the outermost.
    # Innermost, because a BaseHTTPMiddleware turns an error of `receive` into a 400.
    app.add_middleware(
        BodyLimit,
        max_body_size=max_body_size,
        max_body_values=max_body_values,
        body_timeout=body_timeout,
    )
    app.add_middleware(RequestTimeout, seconds=request_timeout)
    if timing:
        app.add_middleware(Timing)
    app.add_middleware(WellFormed)
    app.add_middleware(AccessLog, json=log_json)
    app.add_middleware(CorrelationIdMiddleware, generator=lambda: str(uuid4()))
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "X-Request-ID"],
        )
