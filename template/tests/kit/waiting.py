"""How a test knows that a request waits."""

import asyncio
import time

from sqlalchemy import text


async def wait_for_waiting(count: int) -> None:
    """Return when so many requests wait for a lock of the test's, or of each other's."""
    from app.database import async_engine

    asking = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
    deadline = time.monotonic() + 30
    while True:
        async with async_engine.connect() as connection:
            if await connection.scalar(text(f"{asking} current_database()")) == count:
                return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
