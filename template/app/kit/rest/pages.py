"""Keyset pagination: a page begins after the last row of the page before.

A page costs the same wherever it lies, and a row that is created or deleted meanwhile neither
repeats nor hides another. Counting rows with OFFSET has neither property.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, status
from pydantic import MISSING, BaseModel, Field, TypeAdapter
from pydantic_core import from_json, to_json
from sqlalchemy import ColumnElement, Connection, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.kit.db.types import Moment
from app.kit.errors import ServiceError

Found = TypeVar("Found")
Read = TypeVar("Read", bound=BaseModel)
Condition = Callable[[Any], ColumnElement[bool]]

CURSOR = "^[A-Za-z0-9_-]{1,1000}$"


class InvalidCursor(ServiceError):
    code = status.HTTP_422_UNPROCESSABLE_CONTENT

    def __init__(self) -> None:
        super().__init__("This is not a cursor of this list: use the next_cursor of a page of it.")


class PageQuery(BaseModel):
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(
        default=None, pattern=CURSOR, description="`next_cursor` of the page before"
    )


PageDep = Annotated[PageQuery, Query()]


class Page(BaseModel, Generic[Read]):
    items: list[Read]
    next_cursor: str | None


class Slice(Generic[Found]):
    """The rows of a page, as a service returns them and `response_model=Page[...]` reads them."""

    def __init__(self, items: Sequence[Found], next_cursor: str | None) -> None:
        self.items = items
        self.next_cursor = next_cursor


class Keyset:
    """An order of rows: by columns that have an index together and are never NULL.

    The last column is unique, such as the primary key, or rows with equal values would be lost
    between two pages. `descending` is the same order backwards, by the same index.
    """

    def __init__(self, *columns: InstrumentedAttribute[Any], descending: bool = False) -> None:
        nullable = [column.key for column in columns if column.expression.nullable]
        if nullable:
            raise ValueError(f"{nullable[0]} can be NULL, which has no place in an order")
        self.columns = columns
        self.descending = descending
        self.name = ("-" if descending else "") + ",".join(column.key for column in columns)
        types = [column.type.python_type for column in columns]
        self.adapters = [TypeAdapter[Any](Moment if type is datetime else type) for type in types]

    def encode(self, row: Any) -> str:
        values = [getattr(row, column.key) for column in self.columns]
        return urlsafe_b64encode(to_json([self.name, *values])).decode().rstrip("=")

    def decode(self, cursor: str) -> list[Any]:
        """The values of the columns. A cursor of another order, or of none, is an InvalidCursor."""
        try:
            name, *parts = from_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            pairs = zip(self.adapters, parts, strict=True)
            values = [adapter.validate_python(part) for adapter, part in pairs]
        except (ValueError, TypeError) as error:
            raise InvalidCursor from error
        if name != self.name:
            raise InvalidCursor
        return values

    def apply(self, statement: Select[Found], page: PageQuery) -> Select[Found]:
        if page.cursor is not None:
            key, values = tuple_(*self.columns), self.decode(page.cursor)
            statement = statement.where(key < values if self.descending else key > values)
        order = [column.desc() if self.descending else column for column in self.columns]
        # One row more than asked for tells whether there is a next page.
        return statement.order_by(*order).limit(page.limit + 1)


def fetch_page(
    source: Session | Connection, statement: Select[Found], keyset: Keyset, page: PageQuery
) -> Slice[Found]:
    """Entities of a Session, rows of a Connection."""
    result = source.execute(keyset.apply(statement, page))
    rows: Sequence[Any] = (result.scalars() if isinstance(source, Session) else result).all()
    items = rows[: page.limit]
    more = len(rows) > page.limit
    return Slice(items, keyset.encode(items[-1]) if more else None)


def equals(column: InstrumentedAttribute[Any]) -> Condition:
    return lambda value: column == value


def contains(column: InstrumentedAttribute[str]) -> Condition:
    """Without regard to case; % and _ stand for themselves."""
    return lambda value: column.icontains(value, autoescape=True)


def filter_by(statement: Select[Found], query: BaseModel, **conditions: Condition) -> Select[Found]:
    """Apply the condition of each field that was sent. No other field filters."""
    for name, condition in conditions.items():
        value = getattr(query, name)
        if value is not MISSING:
            statement = statement.where(condition(value))
    return statement
