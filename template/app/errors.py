"""What can go wrong, and the one place that knows its status code (RFC 9457 problem details)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import MISSING, BaseModel
from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app.text import RULES

MEDIA_TYPE = "application/problem+json"
# A body of 1 MiB can have a hundred thousand: an answer need not be larger than its request.
MOST_ERRORS = 100


class ServiceError(Exception):
    """Raise it, never return it: raising is what rolls the request's transaction back."""

    code = status.HTTP_500_INTERNAL_SERVER_ERROR


class NotFound(ServiceError):
    code = status.HTTP_404_NOT_FOUND


class Conflict(ServiceError):
    code = status.HTTP_409_CONFLICT


class PreconditionFailed(ServiceError):
    code = status.HTTP_412_PRECONDITION_FAILED


class KeyReused(ServiceError):
    code = status.HTTP_422_UNPROCESSABLE_CONTENT


class PreconditionRequired(ServiceError):
    code = status.HTTP_428_PRECONDITION_REQUIRED


class Unstorable(ServiceError):
    code = status.HTTP_422_UNPROCESSABLE_CONTENT


class FieldError(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | MISSING = MISSING


# By SQLSTATE, longest prefix first: psycopg2 and asyncpg agree on nothing else.
SQLSTATES: dict[str, tuple[int, str]] = {
    "23505": (status.HTTP_409_CONFLICT, "This already exists."),
    "23503": (status.HTTP_409_CONFLICT, "This refers to something that does not exist."),
    "23": (status.HTTP_409_CONFLICT, "This breaks a rule of the stored data."),
    "22": (status.HTTP_422_UNPROCESSABLE_CONTENT, "A value cannot be stored."),
    "40": (status.HTTP_409_CONFLICT, "Another request changed the same data. Try again."),
    "53": (status.HTTP_503_SERVICE_UNAVAILABLE, "The database is overloaded. Try again."),
    "55P03": (status.HTTP_503_SERVICE_UNAVAILABLE, "The data is locked. Try again."),
    "57": (status.HTTP_503_SERVICE_UNAVAILABLE, "The database cancelled the statement. Try again."),
    "08": (status.HTTP_503_SERVICE_UNAVAILABLE, "The database is unreachable. Try again."),
}


def sqlstate(error: DBAPIError) -> str:
    """The five characters of PostgreSQL's answer, or none where there was no answer."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""


@event.listens_for(Engine, "handle_error")
def refuse_what_psycopg2_cannot_send(context: ExceptionContext) -> None:
    """A NUL, or half a surrogate pair, which asyncpg refuses with a state of class 22."""
    if context.statement is not None and isinstance(context.original_exception, ValueError):
        raise Unstorable(SQLSTATES["22"][1])


@contextmanager
def conflict_on_duplicate(detail: str) -> Iterator[None]:
    """Name what is taken: `with conflict_on_duplicate("..."): session.flush()`."""
    try:
        yield
    except IntegrityError as error:
        if sqlstate(error) == "23505":
            raise Conflict(detail) from error
        raise


def phrase(code: int) -> str:
    # Python 3.11 and 3.12 have older names for these two.
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(
        code, HTTPStatus(code).phrase
    )


def problem(
    code: int,
    detail: str,
    *,
    errors: list[FieldError] | MISSING = MISSING,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(title=phrase(code), status=code, detail=detail, errors=errors)
    if code == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1", **(headers or {})}
    return JSONResponse(body.model_dump(mode="json"), code, headers, MEDIA_TYPE)


def documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that can answer with these problems."""
    schema = Problem.model_json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["FieldError"]
    return {
        code: {"description": phrase(code), "content": {MEDIA_TYPE: {"schema": schema}}}
        for code in codes
    }


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
    if isinstance(error.body, bytes) and any(each["loc"] == ("body",) for each in errors):
        detail = "The body is not announced as JSON: send Content-Type: application/json."
        return problem(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail)
    return problem(
        status.HTTP_422_UNPROCESSABLE_CONTENT,
        "The request is not valid.",
        errors=[explain(each) for each in errors[:MOST_ERRORS]],
    )


def handle_service_error(_: Request, error: ServiceError) -> Response:
    return problem(error.code, str(error))


def handle_database_error(_: Request, error: DBAPIError) -> Response:
    if isinstance(error.orig, AsyncAdapt_asyncpg_dbapi.InvalidCachedStatementError):
        return problem(status.HTTP_503_SERVICE_UNAVAILABLE, "A table has changed. Try again.")
    state = sqlstate(error)
    for prefix in (state, state[:2]):
        if prefix in SQLSTATES:
            return problem(*SQLSTATES[prefix])
    # PostgreSQL has said farewell to asyncpg, and has not closed the connection yet.
    ending = isinstance(error.orig, AsyncAdapt_asyncpg_dbapi.InternalClientError)
    lost = ending or error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError):
        return problem(*SQLSTATES["08"])
    raise error


def handle_stale_data(_: Request, __: StaleDataError) -> Response:
    """The row was changed or deleted between its SELECT and its UPDATE."""
    return problem(*SQLSTATES["40"])


def handle_pool_timeout(_: Request, __: PoolTimeoutError) -> Response:
    return problem(status.HTTP_503_SERVICE_UNAVAILABLE, "Every connection is busy. Try again.")


def add_error_handlers(app: FastAPI) -> None:
    app.exception_handler(HTTPException)(handle_http_error)
    app.exception_handler(RequestValidationError)(handle_invalid_request)
    app.exception_handler(ServiceError)(handle_service_error)
    app.exception_handler(DBAPIError)(handle_database_error)
    app.exception_handler(StaleDataError)(handle_stale_data)
    app.exception_handler(PoolTimeoutError)(handle_pool_timeout)
