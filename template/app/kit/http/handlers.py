"""Which problem an exception is answered with."""

from typing import Any

from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app.kit.db import dialect
from app.kit.db.failures import CHANGED_MEANWHILE, POOL_BUSY
from app.kit.errors import ServiceError
from app.kit.http.problems import FieldError, problem
from app.kit.http.validation import describe_few_errors
from app.kit.rest.text import RULES

# An answer need not be larger than its request.
MOST_ERRORS = 100

# What Starlette and FastAPI say, in a sentence that helps.
CLEARER = {
    "Not Found": "There is nothing at this path.",
    "There was an error parsing the body": "The body cannot be parsed: it is not UTF-8, nested too"
    " deeply, or has a number of too many digits.",
}


def handle_http_error(_: Request, error: HTTPException) -> Response:
    detail = CLEARER.get(str(error.detail), str(error.detail))
    return problem(error.status_code, detail, headers=error.headers)


def explain(error: dict[str, Any]) -> FieldError:
    """Where and why, without what was sent: it may be a password."""
    kind, location, detail = error["type"], error["loc"], error["msg"]
    reason = str(error.get("ctx", {}).get("error", ""))
    if kind == "value_error":  # a sentence of ours
        detail = reason
    elif kind == "string_pattern_mismatch":
        detail = RULES.get(error["ctx"]["pattern"], detail)
    elif reason:  # pydantic quotes the input in it
        detail = detail.removesuffix(reason).rstrip(" ,:")
    if kind in {"extra_forbidden", "json_invalid"}:  # the last part is a key, or a position
        location = location[:-1]
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return FieldError(pointer="".join(f"/{part}" for part in escaped), detail=detail)


def handle_invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = error.errors()
    # FastAPI leaves the bytes alone where their Content-Type is no JSON.
    if isinstance(error.body, bytes) and any(wrong["loc"] == ("body",) for wrong in errors):
        detail = "The body is not announced as JSON: send Content-Type: application/json."
        return problem(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail)
    return problem(
        status.HTTP_422_UNPROCESSABLE_CONTENT,
        "The request is not valid.",
        errors=[explain(wrong) for wrong in errors[:MOST_ERRORS]],
    )


def handle_service_error(_: Request, error: ServiceError) -> Response:
    return problem(error.code, str(error))


def handle_database_error(_: Request, error: DBAPIError) -> Response:
    failure = dialect.failure(error)
    if failure is None:
        raise error
    return problem(*failure)


def handle_stale_data(_: Request, __: StaleDataError) -> Response:
    """The row was changed or deleted between its SELECT and its UPDATE."""
    return problem(*CHANGED_MEANWHILE)


def handle_pool_timeout(_: Request, __: PoolTimeoutError) -> Response:
    return problem(*POOL_BUSY)


def add_error_handlers(app: FastAPI) -> None:
    describe_few_errors()
    app.exception_handler(HTTPException)(handle_http_error)
    app.exception_handler(RequestValidationError)(handle_invalid_request)
    app.exception_handler(ServiceError)(handle_service_error)
    app.exception_handler(DBAPIError)(handle_database_error)
    app.exception_handler(StaleDataError)(handle_stale_data)
    app.exception_handler(PoolTimeoutError)(handle_pool_timeout)
