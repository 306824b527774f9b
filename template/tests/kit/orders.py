"""A table with a column of every type that a model may be annotated with."""

import enum
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import MetaData, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    mapped_column,
    registry,
)

from app.kit.db.base import NAMING_CONVENTION, TYPE_ANNOTATION_MAP
from app.kit.db.money import Money, Price
from app.kit.db.types import Moment

Result = TypeVar("Result")

KEY = UUID(int=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
drivers = pytest.mark.parametrize("driver", ["psycopg2", "asyncpg"])


def new_registry() -> registry:
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    return registry(metadata=metadata, type_annotation_map=TYPE_ANNOTATION_MAP)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    registry = new_registry()


class Status(enum.StrEnum):
    DRAFT = "draft"
    SENT = "sent"


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "it's large"


class Order(Base):
    __tablename__ = "kit_orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=KEY)
    status: Mapped[Status] = mapped_column(default=Status.DRAFT, server_default=Status.DRAFT)
    former: Mapped[Status | None] = mapped_column(default=None)
    size: Mapped[Size] = mapped_column(default=Size.SMALL)
    sort: Mapped[Literal["a", "b"]] = mapped_column(default="a")
    placed_at: Mapped[datetime] = mapped_column(default=NOON)
    paid_at: Mapped[Moment | None] = mapped_column(default=None)
    total: Mapped[Money] = mapped_column(default=Decimal("9.90"))
    fee: Mapped[Price | None] = mapped_column(default=None)


async def within(driver: str, work: Callable[[Session], Result]) -> Result:
    """`work(session)` in a transaction that has the table, and is rolled back."""
    from app.database import AsyncSessionLocal, SessionLocal

    def with_table(session: Session) -> Result:
        Base.metadata.create_all(session.connection())
        return work(session)

    if driver == "psycopg2":
        with SessionLocal() as session:
            return with_table(session)
    async with AsyncSessionLocal() as async_session:
        result: Result = await async_session.run_sync(with_table)
        return result


def stored(session: Session, **columns: Any) -> Order:
    """An order as a later request reads it."""
    order = Order(**columns)
    session.add(order)
    session.flush()
    session.expunge_all()
    return session.scalars(select(Order).where(Order.id == order.id)).one()
