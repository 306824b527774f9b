"""Whether PostgreSQL lets in as many connections as the pools of this service may open."""

import os

import structlog
from sqlalchemy import Connection, QueuePool, text
from sqlalchemy.exc import SQLAlchemyError

from app.database import async_engine, engines
from app.settings import settings

# LEAST passes over NULL; -1 is no limit; PostgreSQL 15 has no reserved_connections.
LIMIT = text("""
    SELECT CASE WHEN rolsuper THEN current_setting('max_connections')::int ELSE least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
        nullif(rolconnlimit, -1),
        nullif(datconnlimit, -1)
    ) END
    FROM pg_roles, pg_database
    WHERE rolname = session_user AND datname = current_database()
""")

logger = structlog.stdlib.get_logger(__name__)


def check_budget(connection: Connection) -> str | None:
    """Say what is wrong where this replica alone may open more connections than there are."""
    if settings.db_pooler:  # it shares the connections that it opens
        return None
    pools = [each.pool for pair in engines for each in pair]
    slots = sum(pool.size() for pool in pools if isinstance(pool, QueuePool))
    workers = int(os.environ.get("WEB_CONCURRENCY", "1"))  # what uvicorn reads
    limit = connection.scalar(LIMIT)
    if limit is None or workers * slots <= limit:
        return None
    return (
        f"{workers} times {slots} connections (WEB_CONCURRENCY times all pools) are more than the"
        f" {limit} that PostgreSQL lets this role open: lower WEB_CONCURRENCY or DB_POOL_SIZE, or"
        " raise max_connections or the CONNECTION LIMIT of the role or the database."
    )


async def warn_over_budget() -> None:
    try:
        async with async_engine.connect() as connection:
            excess = await connection.run_sync(check_budget)
    except (SQLAlchemyError, OSError):
        return  # /health/ready says that
    if excess:
        logger.warning(excess)
