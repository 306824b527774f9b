"""Enums and moments: the same in Python, in JSON and through both drivers."""

import enum
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from sqlalchemy import CheckConstraint, DateTime, Enum, Interval, Table, TypeDecorator, event
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.elements import conv
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine


def enum_values(members: type[enum.Enum]) -> Sequence[str]:
    values = [member.value for member in members]
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{members.__name__} has values that are no strings: name a column type.")
    return values


# Values, for a name is Python's. VARCHAR, for a native enum never loses a member. One length, so
# that a longer member changes the CHECK alone.
VALUES = Enum(
    enum.Enum, native_enum=False, length=64, values_callable=enum_values, validate_strings=True
)


def holds_values(column_type: object) -> bool:
    return isinstance(column_type, Enum) and column_type.values_callable is enum_values


def check_name(table: str, column: str, values: Sequence[str]) -> str:
    """Of at most 63 characters, for Alembic compares with what PostgreSQL has cut off."""
    digest = hashlib.sha256("\0".join((column, *values)).encode()).hexdigest()[:8]
    return conv(f"ck_{table}_{column}"[:54] + f"_{digest}")


@event.listens_for(Mapper, "after_mapper_constructed")
def check_values(mapper: Mapper[Any], _: type) -> None:
    """Give each column of an enum its CHECK, named after the column and the values.

    That of `create_constraint=True` is named after the enum: two columns of a table would collide,
    and Alembic, which compares names, would not see a new member.
    """
    if not isinstance(table := mapper.local_table, Table):
        return
    for column in table.columns:
        # A subclass without a table of its own is one more mapper of the same columns.
        if holds_values(column.type) and column.info.setdefault("checked_by", mapper) is mapper:
            values = sorted(column.type.enums)
            name = check_name(table.name, column.name, values)
            table.append_constraint(CheckConstraint(column.in_(values), name=name))


# A day from the ends of `datetime`, past which another time zone would move it.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
OUT_OF_RANGE = "This must be from 0001-01-02 to 9999-12-30"
NO_MOMENT = "This must be a date and a time with a time zone, such as 2026-01-31T10:00:00Z"


class Timestamp(TypeDecorator[datetime]):
    """A moment. Without a time zone it is refused: the two drivers take it for different ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: object, _: object) -> datetime | None:
        if value is None:
            return None
        # A TypeError, for the service has made it; a ValueError may be what a client has sent.
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise TypeError("A Timestamp takes a datetime with a time zone, as datetime.now(UTC).")
        if not EARLIEST <= value < LATEST:
            raise ValueError(OUT_OF_RANGE)
        return value

    def coerce_compared_value(self, _: OperatorType | None, value: object) -> TypeEngine[Any]:
        return Interval() if isinstance(value, timedelta) else self


def refuse_numbers(value: object) -> object:
    """Pydantic takes 0 and "0" for 1970; the OpenAPI document has a date-time."""
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise ValueError(NO_MOMENT)


def in_utc(value: datetime) -> datetime:
    if value.utcoffset() is None:
        raise ValueError(NO_MOMENT)
    if not EARLIEST <= value < LATEST:
        raise ValueError(OUT_OF_RANGE)
    return value.astimezone(UTC)


# A field of a schema, as later reads of the column give it: in UTC.
Moment = Annotated[datetime, BeforeValidator(refuse_numbers), AfterValidator(in_utc)]
