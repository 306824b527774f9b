"""Units of work: a function gets a session, and all it does is committed or rolled back as one.

`AsyncSession` switches greenlets at each step; here a whole function runs in one greenlet.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, TypeVarTuple

from pydantic import BaseModel
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.util import greenlet_spawn

from app.kit.db.once import KeyedRequest, Once, once

# `close_resets_only=False`: a background task that still holds the request's session fails loudly
# instead of opening a second, leaked connection.
SESSION_OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}

Db = TypeVar("Db", Session, Connection)
Args = TypeVarTuple("Args")
Result = TypeVar("Result")
Read = TypeVar("Read", bound=BaseModel)


def run(
    opened: Callable[[], AbstractContextManager[Db]],
    work: Callable[[Db, *Args], Result],
    *args: *Args,
) -> Result:
    with opened() as db:
        return work(db, *args)


class Units:
    """For `def`."""

    def __init__(
        self,
        session: sessionmaker[Session],
        read_session: sessionmaker[Session],
        read_engine: Engine,
    ) -> None:
        self.session = session
        self.read_session = read_session
        self.read_engine = read_engine

    def write(self, work: Callable[[Session, *Args], Result], *args: *Args) -> Result:
        """`work(session, *args)`, committed when it returns, rolled back when it raises."""
        return run(self.session.begin, work, *args)

    def read(self, work: Callable[[Session, *Args], Result], *args: *Args) -> Result:
        """`work(session, *args)`, and the database refuses to write."""
        return run(self.read_session, work, *args)

    def read_rows(self, work: Callable[[Connection, *Args], Result], *args: *Args) -> Result:
        """`work(connection, *args)`: rows, without what a Session does to track entities."""
        return run(self.read_engine.connect, work, *args)

    def write_once(
        self,
        key: KeyedRequest | None,
        read: type[Read],
        work: Callable[[Session, *Args], object],
        *args: *Args,
    ) -> Once[Read]:
        """As `write`; a second request of the same key gets the first one's result."""
        return run(self.session.begin, once, key, read, work, *args)


class AsyncUnits:
    """For `async def`. No more run at once than the pool has connections; the others wait."""

    def __init__(self, engine: AsyncEngine, read_engine: AsyncEngine, slots: int) -> None:
        self.units = Units(
            sessionmaker(engine.sync_engine, **SESSION_OPTIONS),
            sessionmaker(read_engine.sync_engine, **SESSION_OPTIONS),
            read_engine.sync_engine,
        )
        self.writes = asyncio.Semaphore(slots)
        self.reads = asyncio.Semaphore(slots)

    async def write(self, work: Callable[[Session, *Args], Result], *args: *Args) -> Result:
        """`work(session, *args)`, committed when it returns, rolled back when it raises."""
        async with self.writes:
            result: Result = await greenlet_spawn(self.units.write, work, *args)
            return result

    async def read(self, work: Callable[[Session, *Args], Result], *args: *Args) -> Result:
        """`work(session, *args)`, and the database refuses to write."""
        async with self.reads:
            result: Result = await greenlet_spawn(self.units.read, work, *args)
            return result

    async def read_rows(self, work: Callable[[Connection, *Args], Result], *args: *Args) -> Result:
        """`work(connection, *args)`: rows, without what a Session does to track entities."""
        async with self.reads:
            result: Result = await greenlet_spawn(self.units.read_rows, work, *args)
            return result

    async def write_once(
        self,
        key: KeyedRequest | None,
        read: type[Read],
        work: Callable[[Session, *Args], object],
        *args: *Args,
    ) -> Once[Read]:
        """As `write`; a second request of the same key gets the first one's result."""
        async with self.writes:
            result: Once[Read] = await greenlet_spawn(self.units.write_once, key, read, work, *args)
            return result
