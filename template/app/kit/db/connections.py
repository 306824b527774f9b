"""The life of a pooled connection, the same for both drivers: made, taken, given back."""

from collections.abc import Iterable
from functools import cached_property, partial
from typing import Any

import anyio
from sqlalchemy import Dialect, Engine, ExceptionContext, QueuePool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.kit.db import dialect
from app.kit.db.contract import DriverConnection
from app.kit.db.deadline import Deadline, current
from app.kit.db.failures import Unstorable
from app.kit.db.replica import Replica
from app.kit.db.settings import DatabaseSettings

AnyEngine = Engine | AsyncEngine


def sync_engine(engine: AnyEngine) -> Engine:
    return engine.sync_engine if isinstance(engine, AsyncEngine) else engine


class Engines:
    """All engines of the service: watched, counted, disposed of."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings
        self.replica = Replica(settings, self.connect)
        self.all: list[AnyEngine] = []

    def watch(self, *engines: AnyEngine, reads_replica: bool = False) -> None:
        for engine in engines:
            watched = sync_engine(engine)
            if reads_replica and self.settings.db_replica_host:
                event.listen(watched, "do_connect", self.replica.connect)
            event.listen(watched, "do_connect", self.connect)
            event.listen(watched, "checkout", take)
            event.listen(watched, "checkin", give_back)
            event.listen(watched, "close", give_back)
            event.listen(watched, "handle_error", refuse_unsendable)
        self.all += engines

    @cached_property
    def for_readiness(self) -> tuple[Engine, AsyncEngine]:
        """Of one connection each: requests that wait for a lock may hold all others."""
        options = dialect.options(self.settings, pool_size=1)
        async_options = dialect.async_options(self.settings, pool_size=1)
        engine = create_engine(dialect.url(self.settings), **options)
        async_engine = create_async_engine(dialect.async_url(self.settings), **async_options)
        self.watch(engine, async_engine)
        return engine, async_engine

    def slots(self) -> int:
        """How many connections this process may open."""
        pools = [sync_engine(engine).pool for engine in self.all]
        return sum(pool.size() for pool in pools if isinstance(pool, QueuePool))

    def taken(self) -> int:
        pools = [sync_engine(engine).pool for engine in self.all]
        return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    async def dispose(self) -> None:
        """Close every connection, also where the database does not answer."""
        with anyio.move_on_after(self.settings.db_connect_timeout):
            for engine in self.all:
                if isinstance(engine, AsyncEngine):
                    await engine.dispose()
                else:
                    engine.dispose()

    def connect(
        self,
        sqlalchemy_dialect: Dialect,
        entry: ConnectionPoolEntry,
        args: Iterable[Any],
        arguments: dict[str, Any],
    ) -> DBAPIConnection:
        if deadline := current.get():
            deadline.require(self.settings.db_connect_timeout)
        try:
            connection = sqlalchemy_dialect.connect(*args, **arguments)
        except OSError as error:  # asyncpg lets it out: raise what psycopg2 raises
            reason = str(error) or type(error).__name__
            raise sqlalchemy_dialect.loaded_dbapi.OperationalError(reason) from error
        entry.info["fresh"] = True
        if deadline:
            hold(deadline, entry, sqlalchemy_dialect.get_driver_connection(connection))
        return connection


def hold(deadline: Deadline, entry: ConnectionPoolEntry, connection: DriverConnection) -> None:
    deadline.hold(connection)
    entry.info["release"] = partial(deadline.release, connection)


def take(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Have a connection that the database ended meanwhile replaced.

    pool_pre_ping does it by a round trip, and would wait for a database that is frozen.
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


def refuse_unsendable(context: ExceptionContext) -> None:
    if context.statement is not None and dialect.is_unsendable(context.original_exception):
        raise Unstorable
