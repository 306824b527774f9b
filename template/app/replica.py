"""Reads go to the replica, and to the primary while the replica does not answer."""

import time
from typing import Any

import structlog
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.connections import connect
from app.deadline import current
from app.settings import settings

logger = structlog.stdlib.get_logger("app.replica")


class Replica:
    """What one request finds out about it is known to all, on both engines."""

    def __init__(self) -> None:
        self.suspected = False
        self.avoided_until = 0.0

    @property
    def avoided(self) -> bool:
        return time.monotonic() < self.avoided_until

    def connect(
        self, dialect: Dialect, entry: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
    ) -> DBAPIConnection | None:
        if self.avoided:
            return None
        # The request needs time for the primary too.
        seconds = max(1, settings.db_connect_timeout // 2)
        timeout = dict.fromkeys(kwargs.keys() & {"connect_timeout", "timeout"}, seconds)
        port = settings.db_replica_port or settings.db_port
        place = {"host": settings.db_replica_host, "port": port, **timeout}
        try:
            connection = connect(dialect, entry, args, {**kwargs, **place})
        except dialect.loaded_dbapi.Error as error:
            self.avoid(str(error))
            return None
        self.suspected = False
        entry.info["replica"] = True
        return connection

    def avoid(self, reason: str) -> None:
        if not self.avoided:
            logger.warning("reads go to the primary: no connection to the replica", reason=reason)
        self.avoided_until = time.monotonic() + settings.db_pool_recycle

    def take(
        self, _: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection
    ) -> None:
        """Have a connection replaced that leads where reads do not go, or perhaps nowhere."""
        if entry.info.get("fresh"):
            return
        on_replica = entry.info.get("replica", False)
        if on_replica is self.avoided or (on_replica and self.suspected):
            connection: Any = entry.driver_connection
            connection.terminate()  # SQLAlchemy would wait for PostgreSQL's farewell
            raise DisconnectionError

    def give_back(self, _: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        """Frozen or cut off, it says nothing: a request whose time was over has noticed that.

        It may as well have been slow by itself, so the next one makes a new connection to see.
        """
        deadline = current.get()
        if deadline and deadline.passed and entry.info.get("replica"):
            self.suspected = True

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self.connect)
        event.listen(engine, "checkout", self.take)
        event.listen(engine, "checkin", self.give_back)
