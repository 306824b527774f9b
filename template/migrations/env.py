"""Alembic on psycopg2, with the settings of the service."""

import time
from typing import Any

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

import app.routes  # noqa: F401 - imports every model there is
from app.database import DIRECT_DATABASE_URL, SQLALCHEMY_DATABASE_URL, Base
from app.errors import sqlstate
from app.kit.db.revisions import AUTOGENERATE
from app.log import configure_logging
from app.settings import settings

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "transaction_per_migration": True,
}
LOCK_TIMEOUT = f"{settings.db_lock_timeout}s"
ONE_AT_A_TIME = text("SELECT pg_try_advisory_lock(hashtext('alembic'))")
LOCK_NOT_AVAILABLE = "55P03"
TRIES = 30


def connect() -> Connection:
    if settings.db_pooler and DIRECT_DATABASE_URL == SQLALCHEMY_DATABASE_URL:
        raise SystemExit(
            "Migrations hold a lock, for which a pooler has no connection: set DB_DIRECT_HOST and"
            " DB_DIRECT_PORT to PostgreSQL's own."
        )
    # A waiting ALTER makes every later query of its table wait too: rather give up, and try again.
    engine = create_engine(
        DIRECT_DATABASE_URL,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": settings.db_connect_timeout,
            "options": f"-c lock_timeout={LOCK_TIMEOUT}",
        },
    )
    try:
        return engine.connect()
    except OperationalError as error:
        hint = "Does `uv run poe dev` run? If not, look at DB_* in the environment and in .env."
        raise SystemExit(f"{str(error.orig).strip()}\n{hint}") from None


def wait_for_other_migrations(connection: Connection) -> None:
    """Replicas that start together migrate one after the other; the lock ends with the connection.

    Asking again and again holds no snapshot; waiting in PostgreSQL would hold one, and deadlock
    with another replica's CREATE INDEX CONCURRENTLY.
    """
    while not connection.scalar(ONE_AT_A_TIME):
        connection.commit()
        time.sleep(0.2)
    connection.commit()


def migrate(connection: Connection) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            with context.begin_transaction():
                context.run_migrations()
            return
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE or not tries_left:
                raise
            connection.rollback()
            time.sleep(0.5)


if context.config.cmd_opts:  # Alembic's own command line, not a test
    configure_logging(settings)

if context.is_offline_mode():
    context.configure(url=SQLALCHEMY_DATABASE_URL, literal_binds=True, **OPTIONS)
    context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    with context.begin_transaction():
        context.run_migrations()
else:
    with connect() as connection:
        wait_for_other_migrations(connection)
        context.configure(connection=connection, **AUTOGENERATE, **OPTIONS)
        migrate(connection)
