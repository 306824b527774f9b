"""A column of an enum, through the revisions that Alembic writes for it."""

from collections.abc import Iterator
from enum import StrEnum
from inspect import cleandoc
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.kit.db.revisions import AUTOGENERATE
from app.kit.db.types import check_name
from tests.kit.orders import Base, new_registry

of_values: Any = StrEnum  # mypy wants a literal
LONG = "deliveries_to_customers_abroad_that_were_paid_in_advance"


def release(table: str = "orders", **columns: str) -> MetaData:
    """The models of one release: each column of an enum with these values."""

    class Release(DeclarativeBase):
        registry = new_registry()

    body: dict[str, Any] = {
        "__tablename__": table,
        "__annotations__": {"id": Mapped[int]},
        "id": mapped_column(primary_key=True),
    }
    for name, values in columns.items():
        members = of_values("Status", {value.upper(): value for value in values.split()})
        body["__annotations__"][name] = Mapped[members]  # type: ignore[valid-type]
        body[name] = mapped_column(server_default=values.split()[0])
    type("Order", (Release,), body)
    return Release.metadata


@pytest.fixture(scope="module")
def scratch(database: None) -> Iterator[sa.Engine]:
    from app.database import DIRECT_DATABASE_URL, engine

    name = f"{DIRECT_DATABASE_URL.database}_enums"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield create_engine(DIRECT_DATABASE_URL.set(database=name), poolclass=NullPool)
        connection.execute(text(f"DROP DATABASE {name}"))


def test_the_names_of_two_long_columns_differ() -> None:
    names = {check_name(LONG, f"{LONG}_{end}", ["draft"]) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {63}


@pytest.fixture
def connection(scratch: sa.Engine) -> Iterator[Connection]:
    """All of a test is one transaction, which is not committed."""
    with scratch.connect() as connection:
        yield connection


class Revision:
    """What `alembic revision --autogenerate` writes, and what `alembic check` says."""

    def __init__(self, connection: Connection, models: MetaData):
        options = {"target_metadata": models, **AUTOGENERATE}
        self.context = MigrationContext.configure(connection, opts=options)
        script = produce_migrations(self.context, models)
        assert script.upgrade_ops
        assert script.downgrade_ops
        self.upgrade, self.downgrade = (
            cleandoc(
                render_python_code(
                    operations,
                    render_item=AUTOGENERATE["render_item"],
                    migration_context=self.context,
                )
            )
            for operations in (script.upgrade_ops, script.downgrade_ops)
        )

    def run(self, code: str) -> None:
        with Operations.context(self.context):
            exec(code, {"op": op, "sa": sa})  # noqa: S102


def migrate(connection: Connection, models: MetaData) -> Revision:
    revision = Revision(connection, models)
    revision.run(revision.upgrade)
    return revision


def drift(connection: Connection, models: MetaData) -> list[Any]:
    options = {"target_metadata": models, **AUTOGENERATE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), models))


STORIES = {
    "a first column": (release(), release(status="draft sent")),
    "two columns of one enum": (release(), release(status="draft sent", former="draft sent")),
    "a second column": (release(status="draft sent"), release(status="draft sent", sort="a b")),
    "a new member": (release(status="draft sent"), release(status="draft sent paid")),
    "a longer member": (release(status="a b"), release(status="a b much_longer_than_the_others")),
    "a member fewer": (release(status="draft sent paid"), release(status="draft sent")),
    "another value": (release(status="draft sent"), release(status="draft posted")),
    "a column fewer": (release(status="draft sent", sort="a b"), release(status="draft sent")),
    "a name too long": (release(LONG, status="draft sent"), release(LONG, status="draft sent b")),
    "a quoted value": (release(status="draft"), release(status="draft it's 100% :a")),
}


@pytest.mark.parametrize(("before", "after"), STORIES.values(), ids=STORIES)
def test_a_change_of_an_enum_is_seen_and_goes_up_down_and_up(
    connection: Connection, before: MetaData, after: MetaData
) -> None:
    migrate(connection, before)
    connection.execute(text(f"INSERT INTO {next(iter(before.tables))} DEFAULT VALUES"))
    assert not drift(connection, before)
    assert drift(connection, after)
    revision = migrate(connection, after)
    assert not drift(connection, after)
    revision.run(revision.downgrade)
    assert not drift(connection, before)
    revision.run(revision.upgrade)
    assert not drift(connection, after)


def test_a_new_table_has_the_check_from_its_first_revision(connection: Connection) -> None:
    models = release(status="draft sent", former="draft sent")
    revision = migrate(connection, models)
    assert not drift(connection, models)
    revision.run(revision.downgrade)
    assert not drift(connection, MetaData())


def test_another_order_of_the_members_is_no_change(connection: Connection) -> None:
    migrate(connection, release(status="draft sent paid"))
    assert not drift(connection, release(status="draft paid sent"))


def test_a_revision_names_the_types_of_sqlalchemy_alone(connection: Connection) -> None:
    revision = migrate(connection, Base.metadata)
    for column in (
        "'status', sa.String(length=64), server_default='draft'",
        "'placed_at', sa.DateTime(timezone=True)",
        "'total', sa.Numeric(precision=12, scale=2)",
    ):
        assert f"sa.Column({column}, nullable=False)" in revision.upgrade
    assert "app." not in revision.upgrade
    assert not drift(connection, Base.metadata)


def test_rows_are_held_to_the_members_of_the_newest_revision(connection: Connection) -> None:
    insert = text("INSERT INTO orders (id, status) VALUES (1, 'paid')")
    migrate(connection, release(status="draft sent"))
    with pytest.raises(IntegrityError, match="ck_orders_status_"), connection.begin_nested():
        connection.execute(insert)
    migrate(connection, release(status="draft sent paid"))
    connection.execute(insert)
