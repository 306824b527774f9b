"""Reads go to the replica, and to the primary while the replica does not answer."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.kit.db import dialect
from app.kit.db.settings import DatabaseSettings

logger = structlog.stdlib.get_logger("app.replica")

Connect = Callable[[Dialect, ConnectionPoolEntry, Iterable[Any], dict[str, Any]], DBAPIConnection]


class Replica:
    """What one connection finds out, no other needs to, on either engine."""

    def __init__(self, settings: DatabaseSettings, connect: Connect) -> None:
        self.settings = settings
        self.connect_driver = connect
        self.avoided_until = 0.0

    def is_avoided(self) -> bool:
        return time.monotonic() < self.avoided_until

    def avoid(self, reason: str) -> None:
        known = self.is_avoided()
        self.avoided_until = time.monotonic() + self.settings.db_pool_recycle
        if not known:
            logger.warning("reads go to the primary: no connection to the replica", reason=reason)

    def connect(
        self,
        sqlalchemy_dialect: Dialect,
        entry: ConnectionPoolEntry,
        args: Iterable[Any],
        arguments: dict[str, Any],
    ) -> DBAPIConnection | None:
        """None makes SQLAlchemy ask the next listener, which connects to the primary."""
        if self.is_avoided():
            return None
        elsewhere = dialect.at(
            arguments,
            host=self.settings.db_replica_host or "",
            port=self.settings.db_replica_port or self.settings.db_port,
            # The request needs time for the primary too.
            timeout=max(1, self.settings.db_connect_timeout // 2),
        )
        try:
            return self.connect_driver(sqlalchemy_dialect, entry, args, elsewhere)
        except sqlalchemy_dialect.loaded_dbapi.Error as error:
            self.avoid(str(error))
            return None
