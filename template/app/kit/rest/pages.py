"""Keyset pagination over a UUIDv7 key, which is in the order of creation.

A page costs the same wherever it lies, and a row that is created or deleted meanwhile neither
repeats nor hides another.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from sqlalchemy import Connection, Select
from sqlalchemy.orm import InstrumentedAttribute, Session

Row = TypeVar("Row")
Read = TypeVar("Read", bound=BaseModel)


CURSOR = "^[A-Za-z0-9_-]{22}$"


def encode(key: UUID) -> str:
    return urlsafe_b64encode(key.bytes).decode().rstrip("=")


def decode(cursor: Any) -> UUID:
    # urlsafe_b64decode skips what is not of its alphabet.
    if not re.match(CURSOR, str(cursor)):
        raise ValueError("This is not a cursor: use the next_cursor of a page")
    return UUID(bytes=urlsafe_b64decode(f"{cursor}=="))


Cursor = Annotated[
    UUID | None, BeforeValidator(decode), WithJsonSchema({"type": "string", "pattern": CURSOR})
]


class PageQuery(BaseModel):
    limit: int = Field(default=20, ge=1, le=100)
    cursor: Cursor = Field(default=None, description="`next_cursor` of the page before")


PageDep = Annotated[PageQuery, Query()]


class Page(BaseModel, Generic[Read]):
    items: list[Read]
    next_cursor: str | None


class Slice(Generic[Row]):
    """The rows of a page, as a service returns them and `response_model=Page[...]` reads them."""

    def __init__(self, items: Sequence[Row], next_cursor: str | None) -> None:
        self.items = items
        self.next_cursor = next_cursor


def fetch_page(
    source: Session | Connection,
    statement: Select[Row],
    key: InstrumentedAttribute[UUID],
    page: PageQuery,
) -> Slice[Row]:
    """Entities of a Session, rows of a Connection."""
    if page.cursor:
        statement = statement.where(key > page.cursor)
    # One row more than asked for tells whether there is a next page.
    result = source.execute(statement.order_by(key).limit(page.limit + 1))
    rows: Sequence[Any] = (result.scalars() if isinstance(source, Session) else result).all()
    items = rows[: page.limit]
    more = len(rows) > page.limit
    return Slice(items, encode(getattr(items[-1], key.key)) if more else None)
