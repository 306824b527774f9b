"""PostgreSQL, by psycopg2 and asyncpg. The one module that knows a driver: see contract.py."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL, ColumnElement, Connection, Table, func, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as asyncpg_errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.dml import ReturningInsert

from app.kit.db import failures
from app.kit.db.contract import Model, Values
from app.kit.db.failures import Failure
from app.kit.db.settings import DatabaseSettings
from app.kit.db.types import Timestamp as Timestamp

NOW: ColumnElement[Any] = func.now()
Document = JSONB


def url(settings: DatabaseSettings, driver: str = "psycopg2", ssl_mode: str = "sslmode") -> URL:
    return URL.create(
        f"postgresql+{driver}",
        username=settings.db_username,
        password=settings.db_password.get_secret_value(),
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_name,
        query={ssl_mode: settings.db_ssl_mode} if settings.db_ssl_mode else {},
    )


def async_url(settings: DatabaseSettings) -> URL:
    return url(settings, "asyncpg", "ssl")


def direct_url(settings: DatabaseSettings) -> URL:
    """Past a pooler, which gives no session a connection of its own."""
    return url(settings).set(
        host=settings.db_direct_host or settings.db_host,
        port=settings.db_direct_port or settings.db_port,
    )


def options(
    settings: DatabaseSettings, *, read_only: bool = False, pool_size: int | None = None
) -> dict[str, Any]:
    """The arguments of `create_engine`."""
    started = " ".join(f"-c {name}={value}" for name, value in limits(settings, read_only).items())
    connect_args = {
        "application_name": settings.db_application_name,
        "connect_timeout": settings.db_connect_timeout,
        "connection_factory": Psycopg2Connection,
        "options": started,
    }
    return pooling(settings, read_only, pool_size) | {"connect_args": connect_args}


def async_options(
    settings: DatabaseSettings, *, read_only: bool = False, pool_size: int | None = None
) -> dict[str, Any]:
    """The arguments of `create_async_engine`."""
    name = {"application_name": settings.db_application_name}
    connect_args = {
        "timeout": settings.db_connect_timeout,
        "connection_class": AsyncpgConnection,
        "server_settings": name | limits(settings, read_only),
    }
    if settings.db_pooler:  # the next transaction may be on a connection without what this prepared
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return pooling(settings, read_only, pool_size) | {"connect_args": connect_args}


def pooling(settings: DatabaseSettings, read_only: bool, pool_size: int | None) -> dict[str, Any]:
    pool_options = settings.pool_options(pool_size)
    if read_only and settings.db_pooler:
        return pool_options | {"execution_options": {"postgresql_readonly": True}}
    if read_only:
        # A SELECT is then one round trip: no BEGIN before it, no ROLLBACK after it.
        return pool_options | {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    return pool_options


def limits(settings: DatabaseSettings, read_only: bool) -> dict[str, str]:
    """What a connection starts with."""
    if settings.db_pooler:  # it refuses such parameters: ALTER ROLE sets them
        return {}
    return {
        "statement_timeout": f"{settings.db_statement_timeout}s",
        "lock_timeout": f"{settings.db_lock_timeout}s",
        "idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}s",
        "timezone": "UTC",
        **({"default_transaction_read_only": "on"} if read_only else {}),
    }


def migration_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    """The arguments of psycopg2's `connect`."""
    return {
        "connect_timeout": settings.db_connect_timeout,
        # A waiting ALTER makes every later query of its table wait too: give up, and try again.
        "options": f"-c lock_timeout={settings.db_lock_timeout}s",
    }


def migration_preamble(settings: DatabaseSettings) -> str:
    """What `alembic upgrade --sql` begins with."""
    return f"SET lock_timeout = '{settings.db_lock_timeout}s'"


def try_migration_lock(connection: Connection) -> bool:
    """One process migrates at a time; the lock ends with its connection."""
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(hashtext('alembic'))")))


class Psycopg2Connection(extensions.connection):
    """With what asyncpg's have: an end from outside, and a look whether it has come."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        # A number of our own: libpq's may be another file's before we know that it was closed.
        self.line = socket.fromfd(self.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def close(self) -> None:
        super().close()
        self.line.close()

    def terminate(self) -> None:
        """A thread that waits for an answer gets an error instead; close() would wait with it."""
        with suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)

    def is_closed(self) -> bool:
        try:
            self.poll()  # reads what PostgreSQL sent last
            self.poll()  # finds the connection closed
        except psycopg2.Error:
            return True
        return False


class AsyncpgConnection(asyncpg.Connection):  # type: ignore[misc]
    """With what psycopg2's have: an end that waits for nobody, and errors that are SQLAlchemy's."""

    async def close(self, **_: Any) -> None:
        self.terminate()  # tells PostgreSQL, and does not wait for its answer

    def terminate(self) -> None:
        if self._loop.is_closed():  # TestClient's: abort() would ask it to close the socket
            with suppress(AttributeError):  # a transport over TLS has no such method
                self._transport._call_connection_lost(None)
        super().terminate()

    def is_closed(self) -> bool:
        # A connection lives in one event loop: in another, such as TestClient's, it is of no use.
        return super().is_closed() or self._loop is not asyncio._get_running_loop()

    async def set_type_codec(self, *args: Any, **kwargs: Any) -> None:
        # SQLAlchemy sets a connection up with it, and lets out what it raises.
        try:
            await super().set_type_codec(*args, **kwargs)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OperationalError(None, None, error) from error


def at(arguments: Mapping[str, Any], host: str, port: int, timeout: int) -> dict[str, Any]:
    """The arguments of a driver's `connect`, for another server."""
    timeouts = dict.fromkeys(arguments.keys() & {"connect_timeout", "timeout"}, timeout)
    return {**arguments, "host": host, "port": port, **timeouts}


# By SQLSTATE, longest prefix first: psycopg2 and asyncpg agree on nothing else.
SQLSTATES = {
    "23505": failures.DUPLICATE,
    "23503": failures.NO_REFERENCE,
    "23": failures.RULE_BROKEN,
    "22": failures.UNSTORABLE,
    "40": failures.CHANGED_MEANWHILE,
    "53": failures.OVERLOADED,
    "55P03": failures.LOCKED,
    "57": failures.CANCELLED,
    "08": failures.UNREACHABLE,
}


def sqlstate(error: DBAPIError) -> str:
    """The five characters of PostgreSQL's answer, or none where there was no answer."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""


def failure(error: DBAPIError) -> Failure | None:
    """None is a mistake of the service's own."""
    if isinstance(error.orig, asyncpg_errors.InvalidCachedStatementError):
        return failures.TABLE_CHANGED
    state = sqlstate(error)
    for prefix in (state, state[:2]):
        if prefix in SQLSTATES:
            return SQLSTATES[prefix]
    # PostgreSQL has told asyncpg that it ends, and has not closed the connection yet.
    ending = isinstance(error.orig, asyncpg_errors.InternalClientError)
    lost = ending or error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError):
        return failures.UNREACHABLE
    return None


def is_unsendable(error: BaseException) -> bool:
    """psycopg2 refuses a NUL or half a surrogate pair, which asyncpg answers by a SQLSTATE."""
    return isinstance(error, ValueError)


NEWER = {"populate_existing": True}  # what is returned is newer than what the session may have


def insert_if_absent(
    session: Session, target: type[DeclarativeBase] | Table, **values: Any
) -> None:
    session.execute(insert(target).values(values).on_conflict_do_nothing())


def upsert(session: Session, model: type[Model], key: Values, changes: Values) -> Model:
    """Insert key and changes, or apply the changes to the row that is there."""
    return session.scalars(insert_or_update(model, key, changes), execution_options=NEWER).one()


def upsert_where(
    session: Session, model: type[Model], key: Values, changes: Values, where: ColumnElement[bool]
) -> Model | None:
    """The same, but leave a row that does not fit as it is, and return nothing."""
    return session.scalar(insert_or_update(model, key, changes, where), execution_options=NEWER)


def insert_or_update(
    model: type[Model], key: Values, changes: Values, where: ColumnElement[bool] | None = None
) -> ReturningInsert[Model]:
    """It waits for a transaction that holds the row."""
    return (
        insert(model)
        .values({**key, **changes})
        .on_conflict_do_update(index_elements=[*key], set_=dict(changes), where=where)
        .returning(model)
    )
