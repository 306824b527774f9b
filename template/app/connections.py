"""The life of a pooled connection, the same for both drivers: made, taken, given back."""

from typing import Any

import psycopg2
import structlog
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.deadline import current
from app.settings import settings

logger = structlog.stdlib.get_logger("app.connections")


def connect(
    dialect: Dialect, _: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
) -> DBAPIConnection:
    if deadline := current.get():
        deadline.require(settings.db_connect_timeout)
    try:
        return dialect.connect(*args, **kwargs)
    except OSError as error:  # asyncpg lets it out: raise what psycopg2 raises
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error


def connect_to_replica(
    dialect: Dialect, entry: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
) -> DBAPIConnection | None:
    host, port = settings.db_replica_host, settings.db_replica_port or settings.db_port
    try:
        return connect(dialect, entry, args, {**kwargs, "host": host, "port": port})
    except dialect.loaded_dbapi.Error as error:
        logger.warning("the replica is unreachable: reading from the primary", reason=str(error))
        return None


def take(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Have a connection that PostgreSQL ended meanwhile replaced.

    pool_pre_ping does it by a round trip, and would wait for a PostgreSQL that is frozen.
    """
    connection = entry.driver_connection
    if isinstance(connection, psycopg2.extensions.connection):
        try:
            connection.poll()  # reads PostgreSQL's farewell
            connection.poll()  # finds the line closed
        except psycopg2.Error as error:
            raise DisconnectionError from error
    elif connection is None or connection.is_closed():
        raise DisconnectionError
    if deadline := current.get():
        deadline.require(0)
        deadline.held.add(entry)


def give_back(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    if deadline := current.get():
        deadline.held.discard(entry)


def watch(engine: Engine, *, replica: bool = False) -> None:
    if replica:
        event.listen(engine, "do_connect", connect_to_replica)
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)
