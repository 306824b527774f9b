"""No edit is lost: a row's version is its ETag, and an edit names it in If-Match (RFC 9110)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol, TypeVar

import sqlalchemy
from fastapi import Depends, Header, Response, status
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy import ARRAY, ColumnElement, String, any_, func, literal, text, true
from sqlalchemy.orm import Mapped, MappedAsDataclass, declared_attr, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from app.errors import PreconditionFailed, PreconditionRequired, documented

CHANGED = "If-Match names no current version. Read this again, and send the ETag it has now."
MISSING = "Send the ETag of what you change in If-Match, so that you overwrite no other change."
MALFORMED = 'If-Match is neither * nor a list of ETags, such as "1"'

TAG = r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")'
SYNTAX = rf"^(?:\*|[ \t,]*(?:{TAG}[ \t]*(?:,[ \t,]*|$))+)$"

# The tags of an If-Match as they were sent, quotes included; the weak ones match nothing.
IfMatch = frozenset[str]
ANY: IfMatch = frozenset({"*"})


class Versioned(MappedAsDataclass, kw_only=True):
    """The unit of work counts the changes of a row; a bulk UPDATE must count on by itself."""

    version: Mapped[int] = mapped_column(server_default=text("1"), init=False)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        # Without eager_defaults, reading what the database computed in an UPDATE, such as
        # updated_at, would be a second, implicit SELECT.
        return {"version_id_col": cls.version, "eager_defaults": True}


class HasVersion(Protocol):
    @property
    def version(self) -> int: ...


Row = TypeVar("Row", bound=HasVersion | sqlalchemy.Row[Any])


def etag(row: HasVersion | sqlalchemy.Row[Any]) -> str:
    return f'"{row.version}"'


def tagged(response: Response, row: Row) -> Row:
    response.headers["ETag"] = etag(row)
    return row


@contextmanager
def unchanged(row: HasVersion, if_match: IfMatch) -> Iterator[None]:
    """Hold an edit to the expected version, from the row's SELECT to the flush in the block."""
    if if_match == ANY:
        yield
        return
    if etag(row) not in if_match:
        raise PreconditionFailed(CHANGED)
    try:
        yield
    except StaleDataError as error:
        raise PreconditionFailed(CHANGED) from error


def matches(model: type[Versioned], if_match: IfMatch) -> ColumnElement[bool]:
    """The same for the WHERE of a single statement."""
    if if_match == ANY:
        return true()
    tags = literal(list(if_match), ARRAY(String))
    return func.concat('"', model.version, '"') == any_(tags)


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
        raise PreconditionRequired(MISSING)
    return if_match


IfMatchDep = Annotated[IfMatch, Depends(accept_if_match)]
IF_MATCH = documented(status.HTTP_412_PRECONDITION_FAILED)

RequiredIfMatchDep = Annotated[IfMatch, Depends(require_if_match)]
REQUIRED_IF_MATCH = IF_MATCH | documented(status.HTTP_428_PRECONDITION_REQUIRED)
