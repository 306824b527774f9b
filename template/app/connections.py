"""The life of a pooled connection, the same for both drivers: made, taken, given back."""

import socket
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import psycopg2
from psycopg2 import extensions
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.deadline import Connection, Deadline, current
from app.settings import settings


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
            self.poll()  # reads PostgreSQL's farewell
            self.poll()  # finds the line closed
        except psycopg2.Error:
            return True
        return False


class AsyncpgConnection(asyncpg.Connection):  # type: ignore[misc]
    """With what psycopg2's have: an end that waits for nobody, and errors that are SQLAlchemy's."""

    async def close(self, **_: Any) -> None:
        self.terminate()  # says farewell, and does not wait for PostgreSQL's

    async def set_type_codec(self, *args: Any, **kwargs: Any) -> None:
        # SQLAlchemy sets a connection up with it, and lets out what it raises.
        try:
            await super().set_type_codec(*args, **kwargs)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OperationalError(None, None, error) from error


def connect(
    dialect: Dialect, entry: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
) -> DBAPIConnection:
    if deadline := current.get():
        deadline.require(settings.db_connect_timeout)
    try:
        connection = dialect.connect(*args, **kwargs)
    except OSError as error:  # asyncpg lets it out: raise what psycopg2 raises
        reason = str(error) or type(error).__name__
        raise dialect.loaded_dbapi.OperationalError(reason) from error
    entry.info["fresh"] = True
    if deadline:
        hold(deadline, entry, dialect.get_driver_connection(connection))
    return connection


def hold(deadline: Deadline, entry: ConnectionPoolEntry, connection: Connection) -> None:
    deadline.hold(connection)
    entry.info["release"] = partial(deadline.release, connection)


def take(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Have a connection that PostgreSQL ended meanwhile replaced.

    pool_pre_ping does it by a round trip, and would wait for a PostgreSQL that is frozen.
    """
    connection: Any = entry.driver_connection
    # SQLAlchemy replaces it once: a fresh one that is closed already shall fail at its statement.
    if not entry.info.pop("fresh", False) and connection.is_closed():
        raise DisconnectionError
    if deadline := current.get():
        hold(deadline, entry, connection)


def give_back(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    if release := entry.info.pop("release", None):
        release()


def watch(engine: Engine) -> None:
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)
    event.listen(engine, "close", give_back)
