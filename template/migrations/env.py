"""Alembic, synchronous, with the settings of the service."""

import time
from typing import Any

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

import app.routes  # noqa: F401 - imports every model there is
from app.database import DIRECT_DATABASE_URL, SQLALCHEMY_DATABASE_URL, Base
from app.kit.db import dialect
from app.kit.db.failures import LOCKED
from app.kit.db.revisions import AUTOGENERATE
from app.kit.ops.log import configure_logging
from app.settings import settings

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "transaction_per_migration": True,
}
TRIES = 30


def connect() -> Connection:
    if settings.db_pooler and DIRECT_DATABASE_URL == SQLALCHEMY_DATABASE_URL:
        raise SystemExit(
            "Migrations hold a lock, for which a pooler has no connection: set DB_DIRECT_HOST and"
            " DB_DIRECT_PORT to PostgreSQL's own."
        )
    engine = create_engine(
        DIRECT_DATABASE_URL,
        poolclass=NullPool,
        connect_args=dialect.migration_arguments(settings),
    )
    try:
        return engine.connect()
    except OperationalError as error:
        hint = "Does `uv run poe dev` run? If not, look at DB_* in the environment and in .env."
        raise SystemExit(f"{str(error.orig).strip()}\n{hint}") from None


def wait_for_other_migrations(connection: Connection) -> None:
    """Replicas that start together migrate one after the other.

    Asking again and again holds no snapshot; waiting in the database would hold one, and deadlock
    with another replica's CREATE INDEX CONCURRENTLY.
    """
    while not dialect.try_migration_lock(connection):
        connection.commit()
        time.sleep(0.2)
    connection.commit()


def migrate(connection: Connection) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            with context.begin_transaction():
                context.run_migrations()
            return
        except DBAPIError as error:
            if dialect.failure(error) is not LOCKED or not tries_left:
                raise
            connection.rollback()
            time.sleep(0.5)


if context.config.cmd_opts:  # Alembic's own command line, not a test
    configure_logging(level=settings.log_level, json=settings.log_json)

if context.is_offline_mode():
    context.configure(url=SQLALCHEMY_DATABASE_URL, literal_binds=True, **OPTIONS)
    context.execute(dialect.migration_preamble(settings))
    with context.begin_transaction():
        context.run_migrations()
else:
    with connect() as connection:
        wait_for_other_migrations(connection)
        context.configure(connection=connection, **AUTOGENERATE, **OPTIONS)
        migrate(connection)
