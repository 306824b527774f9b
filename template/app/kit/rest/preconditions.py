"""No edit is lost: a row's version is its ETag, and an edit names it in If-Match (RFC 9110)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Header, Request, Response, status
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy import ColumnElement, Row, true
from sqlalchemy.orm.exc import StaleDataError

from app.kit.db.base import Versioned
from app.kit.errors import ServiceError
from app.kit.http.problems import documented

MALFORMED = 'If-Match is neither * nor a list of ETags, such as "1"'

TAG = r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")'
SYNTAX = rf"^(?:\*|[ \t,]*(?:{TAG}[ \t]*(?:,[ \t,]*|$))+)$"

# The tags of an If-Match as they were sent, quotes included; the weak ones match nothing.
IfMatch = frozenset[str]
ANY: IfMatch = frozenset({"*"})


class PreconditionFailed(ServiceError):
    code = status.HTTP_412_PRECONDITION_FAILED

    def __init__(self) -> None:
        super().__init__(
            "If-Match names no current version. Read this again, and send the ETag it has now."
        )


class PreconditionRequired(ServiceError):
    code = status.HTTP_428_PRECONDITION_REQUIRED

    def __init__(self) -> None:
        super().__init__(
            "Send the ETag of what you change in If-Match, so that you overwrite no other change."
        )


class HasVersion(Protocol):
    @property
    def version(self) -> int: ...


class HasId(HasVersion, Protocol):
    @property
    def id(self) -> object: ...


Tagged = TypeVar("Tagged", bound=HasVersion | Row[Any])
Created = TypeVar("Created", bound=HasId)


def etag(row: HasVersion | Row[Any]) -> str:
    return f'"{row.version}"'


def tagged(response: Response, row: Tagged) -> Tagged:
    """Say in the answer's headers which version of the row it holds."""
    response.headers["ETag"] = etag(row)
    return row


def created(request: Request, response: Response, row: Created) -> Created:
    """Say in the answer's headers where the new row is, and which version."""
    response.headers["Location"] = f"{request.url.path}/{row.id}"
    return tagged(response, row)


@contextmanager
def unchanged(row: HasVersion, if_match: IfMatch) -> Iterator[None]:
    """Hold an edit to the expected version, from the row's SELECT to the flush in the block."""
    if if_match == ANY:
        yield
        return
    if etag(row) not in if_match:
        raise PreconditionFailed
    try:
        yield
    except StaleDataError as error:
        raise PreconditionFailed from error


def matches(model: type[Versioned], if_match: IfMatch) -> ColumnElement[bool]:
    """The same for the WHERE of a single statement."""
    if if_match == ANY:
        return true()
    # One that is larger or written otherwise is no version of a row.
    versions = [tag[1:-1] for tag in if_match if re.fullmatch('"[1-9][0-9]{0,8}"', tag)]
    return model.version.in_([int(version) for version in versions])


def parse(lines: list[str]) -> IfMatch:
    header = ",".join(lines)
    if not re.fullmatch(SYNTAX, header):
        raise ValueError(MALFORMED)
    strong = frozenset(tag for weak, tag in re.findall(TAG, header) if not weak)
    return ANY if header == "*" else strong


IfMatchHeader = Annotated[
    IfMatch | None,
    BeforeValidator(parse),
    WithJsonSchema({"type": "string", "pattern": SYNTAX}),
    Header(alias="If-Match", description="The `ETag` of the version to change"),
]


async def accept_if_match(if_match: IfMatchHeader = None) -> IfMatch:
    return ANY if if_match is None else if_match


async def require_if_match(if_match: IfMatchHeader = None) -> IfMatch:
    if if_match is None:
        raise PreconditionRequired
    return if_match


IfMatchDep = Annotated[IfMatch, Depends(accept_if_match)]
IF_MATCH = documented(status.HTTP_412_PRECONDITION_FAILED)

RequiredIfMatchDep = Annotated[IfMatch, Depends(require_if_match)]
REQUIRED_IF_MATCH = IF_MATCH | documented(status.HTTP_428_PRECONDITION_REQUIRED)
