"""Whether the database lets in as many connections as the pools of this service may open."""

import os

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.kit.db.checks import connection_limit
from app.kit.db.connections import Engines

logger = structlog.stdlib.get_logger("app.budget")


def check_budget(connection: Connection, engines: Engines) -> str | None:
    """Say what is wrong where this replica alone may open more connections than there are."""
    if engines.settings.db_pooler:  # it shares the connections that it opens
        return None
    slots = engines.slots()
    workers = int(os.environ.get("WEB_CONCURRENCY") or 1)  # what uvicorn reads
    limit = connection_limit(connection)
    if limit is None or workers * slots <= limit:
        return None
    return (
        f"{workers} times {slots} connections (WEB_CONCURRENCY times all pools) are more than the"
        f" {limit} that PostgreSQL lets this role open: lower WEB_CONCURRENCY or DB_POOL_SIZE, or"
        " raise max_connections or the CONNECTION LIMIT of the role or the database."
    )


async def warn_over_budget(engine: AsyncEngine, engines: Engines) -> None:
    try:
        async with engine.connect() as connection:
            excess = await connection.run_sync(check_budget, engines)
    except (SQLAlchemyError, OSError):
        return  # /health/ready says that
    if excess:
        logger.warning(excess)
