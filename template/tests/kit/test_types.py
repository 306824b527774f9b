"""Enums and moments, on a table of these tests' own and through both drivers."""

import enum
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import CheckConstraint, MetaData, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from app.kit.db.types import Moment, Timestamp
from tests.kit.orders import (
    KEY,
    NOON,
    Order,
    Size,
    Status,
    drivers,
    new_registry,
    stored,
    within,
)

NEW_YORK, TONGA = timezone(timedelta(hours=-5)), timezone(timedelta(hours=14))


def test_a_table_has_the_columns_of_its_annotations() -> None:
    from app.database import engine

    ddl = " ".join(str(CreateTable(Order.__table__).compile(engine)).split())  # type: ignore[arg-type]
    for column in (
        "id UUID NOT NULL",
        "status VARCHAR(64) DEFAULT 'draft' NOT NULL",
        "former VARCHAR(64)",
        "size VARCHAR(64) NOT NULL",
        "sort VARCHAR(64) NOT NULL",
        "placed_at TIMESTAMP WITH TIME ZONE NOT NULL",
        "paid_at TIMESTAMP WITH TIME ZONE",
        "total NUMERIC(12, 2) NOT NULL",
        "fee NUMERIC(12, 2)",
    ):
        assert f"{column}, " in ddl
    assert ddl.count(" CHECK ") == 4


@drivers
async def test_an_enum_is_stored_by_its_value(driver: str) -> None:
    def work(session: Session) -> None:
        order = stored(session, former=Status.SENT, size=Size.LARGE, sort="b")
        assert (order.status, order.former) == (Status.DRAFT, Status.SENT)
        assert (order.size, order.sort) == (Size.LARGE, "b")
        row = session.execute(text("SELECT status, former, size, sort FROM kit_orders")).one()
        assert [*row] == ["draft", "sent", "it's large", "b"]
        assert session.scalars(select(Order).where(Order.status == Status.DRAFT)).all()

    await within(driver, work)


@drivers
@pytest.mark.parametrize("column", ["status", "former", "size", "sort"])
async def test_the_database_refuses_what_is_no_member(driver: str, column: str) -> None:
    def work(session: Session) -> None:
        stored(session)
        with pytest.raises(IntegrityError, match=f"ck_kit_orders_{column}_"):
            session.execute(text(f"UPDATE kit_orders SET {column} = 'DRAFT'"))

    await within(driver, work)


@drivers
async def test_what_is_no_member_is_not_sent(driver: str) -> None:
    def work(session: Session) -> None:
        for value in ("DRAFT", "posted"):
            with pytest.raises(StatementError, match="not among the defined enum values") as caught:
                session.execute(update(Order).values(status=value))
            # A ValueError would be answered by 422, as if a client had sent it.
            assert not isinstance(caught.value.orig, ValueError)

    await within(driver, work)


@drivers
async def test_a_member_that_the_code_does_not_know_is_named(driver: str) -> None:
    def work(session: Session) -> None:
        stored(session)
        for name in names_of_checks(Order.__table__):
            session.execute(text(f"ALTER TABLE kit_orders DROP CONSTRAINT {name}"))
        session.execute(text("UPDATE kit_orders SET status = 'archived'"))
        session.expire_all()
        with pytest.raises(LookupError, match=r"'archived'.* Enum name: status.* draft, sent"):
            session.scalars(select(Order)).one()

    await within(driver, work)


def test_an_enum_of_numbers_is_refused_with_a_reason() -> None:
    class Base(DeclarativeBase):
        registry = new_registry()

    class Level(enum.IntEnum):
        LOW = 1

    with pytest.raises(TypeError, match="Level has values that are no strings"):

        class Alarm(Base):
            __tablename__ = "alarms"

            id: Mapped[int] = mapped_column(primary_key=True)
            level: Mapped[Level]


def names_of_checks(table: Any) -> list[str]:
    return sorted(
        str(constraint.name)
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    )


def test_a_column_of_several_mappers_has_one_check_and_so_has_its_copy() -> None:
    class Base(DeclarativeBase):
        registry = new_registry()

    class Animal(Base):
        __tablename__ = "animals"
        __mapper_args__ = {"polymorphic_on": "kind"}  # noqa: RUF012

        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        size: Mapped[Size]

    class Cat(Animal):
        __mapper_args__ = {"polymorphic_identity": "cat"}  # noqa: RUF012

        status: Mapped[Status | None]

    names = names_of_checks(Cat.__table__)
    assert [name[:-9] for name in names] == ["ck_animals_size", "ck_animals_status"]
    assert names_of_checks(Animal.__table__.to_metadata(MetaData())) == names  # type: ignore[attr-defined]


MOMENTS = (
    NOON,
    datetime(2026, 1, 1, 12, 0, 0, 123456, NEW_YORK),
    datetime(1, 1, 2, 14, tzinfo=TONGA),
    datetime(9999, 12, 30, 18, 59, 59, 999999, NEW_YORK),
)


@drivers
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_a_moment_is_read_back_as_the_same_in_utc(driver: str, moment: datetime) -> None:
    def work(session: Session) -> None:
        order = stored(session, placed_at=moment)
        assert order.placed_at == moment
        assert order.placed_at.utcoffset() == timedelta(0)

    await within(driver, work)


@drivers
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York"])
async def test_a_moment_is_the_same_in_a_session_of_another_zone(driver: str, zone: str) -> None:
    def work(session: Session) -> None:
        session.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
        for moment in MOMENTS:
            assert stored(session, id=uuid4(), placed_at=moment).placed_at == moment

    await within(driver, work)


NAIVE = (datetime(2026, 1, 1, 12), date(2026, 1, 1), "2026-01-01T12:00:00+00:00")
UNREADABLE = (
    datetime(1, 1, 1, tzinfo=TONGA),
    datetime(1, 1, 1, 23, 59, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=NEW_YORK),
)
# A ValueError is answered by 422, for a client may have sent it; a TypeError is a 500.
REFUSED = [(value, TypeError, "time zone") for value in NAIVE] + [
    (value, ValueError, "0001-01-02") for value in UNREADABLE
]


def reasons(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


@drivers
@pytest.mark.parametrize(("value", "kind", "sentence"), REFUSED, ids=str)
async def test_what_is_no_moment_is_neither_stored_nor_compared(
    driver: str, value: Any, kind: type[Exception], sentence: str
) -> None:
    def work(session: Session) -> None:
        for statement in (
            insert(Order).values(id=KEY, placed_at=value),
            select(Order).where(Order.placed_at < value),
        ):
            # Of any type, for the service's own handler may have replaced it.
            with pytest.raises(Exception) as caught:  # noqa: PT011
                session.execute(statement)
            reason = next(error for error in reasons(caught.value) if isinstance(error, kind))
            assert sentence in str(reason)

    await within(driver, work)


@drivers
async def test_a_moment_can_be_reckoned_with(driver: str) -> None:
    def work(session: Session) -> None:
        stored(session)
        day_before = Order.placed_at - timedelta(days=1)
        assert session.scalar(select(day_before)) == NOON - timedelta(days=1)
        assert session.scalar(select(func.max(Order.placed_at))) == NOON
        assert session.scalar(select(Order.id).where(Order.placed_at > NOON - timedelta(1))) == KEY

    await within(driver, work)


def test_what_is_read_takes_no_step_in_python() -> None:
    from app.database import async_engine, engine

    for dialect in (engine.dialect, async_engine.dialect):
        timestamp = Timestamp().dialect_impl(dialect)
        assert timestamp.result_processor(dialect, None) is None


MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def test_a_field_gives_what_a_later_read_gives() -> None:
    moment = MOMENT.validate_python("2026-01-01T07:00:00-05:00")
    assert MOMENT.dump_json(moment) == b'"2026-01-01T12:00:00Z"'
    assert MOMENT.json_schema() == {"type": "string", "format": "date-time"}


@pytest.mark.parametrize("value", [0, 0.5, "0", True, None, "", *NAIVE[1:2], "2026-01-01T12:00:00"])
def test_a_field_refuses_what_is_no_moment(value: object) -> None:
    with pytest.raises(ValidationError, match="with a time zone"):
        MOMENT.validate_python(value)


@pytest.mark.parametrize("value", UNREADABLE, ids=str)
def test_a_field_refuses_what_could_not_be_read_back(value: datetime) -> None:
    for sent in (value, value.isoformat()):
        with pytest.raises(ValidationError, match="0001-01-02"):
            MOMENT.validate_python(sent)
