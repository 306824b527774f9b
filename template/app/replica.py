"""Reads go to the replica, and to the primary while the replica does not answer."""

import time
from typing import Any

import structlog
from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.connections import connect
from app.settings import settings

logger = structlog.stdlib.get_logger("app.replica")


class Replica:
    """What one connection finds out, no other needs to, on either engine."""

    def __init__(self) -> None:
        self.avoided_until = 0.0

    def is_avoided(self) -> bool:
        return time.monotonic() < self.avoided_until

    def avoid(self, reason: str) -> None:
        known = self.is_avoided()
        self.avoided_until = time.monotonic() + settings.db_pool_recycle
        if not known:
            logger.warning("reads go to the primary: no connection to the replica", reason=reason)

    def connect(
        self, dialect: Dialect, entry: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
    ) -> DBAPIConnection | None:
        if self.is_avoided():
            return None
        # The request needs time for the primary too.
        seconds = max(1, settings.db_connect_timeout // 2)
        timeout = dict.fromkeys(kwargs.keys() & {"connect_timeout", "timeout"}, seconds)
        port = settings.db_replica_port or settings.db_port
        place = {"host": settings.db_replica_host, "port": port, **timeout}
        try:
            return connect(dialect, entry, args, {**kwargs, **place})
        except dialect.loaded_dbapi.Error as error:
            self.avoid(str(error))
            return None
