"""Whether `run_sync` costs anything against awaiting the same statements. Prints JSON.

Runs in the environment of the rendered service. One AsyncSession for each operation; the CPU of the
whole process for each operation in microseconds, one value a round.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from tests.benchmark.tables import User, database_url

Ids = tuple[UUID, UUID]
Operation = Callable[[AsyncSession, Ids], Awaitable[None]]


def page(after: UUID) -> Select[User]:
    return select(User).where(User.id > after).order_by(User.id).limit(20)


def one(session: Session, ids: Ids) -> None:
    session.get(User, ids[0])


def three(session: Session, ids: Ids) -> None:
    session.get(User, ids[0])
    session.get(User, ids[1])
    session.scalars(page(ids[0])).all()


async def one_awaited(session: AsyncSession, ids: Ids) -> None:
    await session.get(User, ids[0])


async def three_awaited(session: AsyncSession, ids: Ids) -> None:
    await session.get(User, ids[0])
    await session.get(User, ids[1])
    (await session.scalars(page(ids[0]))).all()


OPERATIONS: dict[str, Operation] = {
    "one statement, awaited": one_awaited,
    "one statement, run_sync": lambda session, ids: session.run_sync(one, ids),
    "three statements, awaited": three_awaited,
    "three statements, run_sync": lambda session, ids: session.run_sync(three, ids),
}


async def main(rounds: int, times: int, ids: Ids) -> None:
    engine = create_async_engine(database_url("asyncpg"))
    new_session = async_sessionmaker(engine)
    cpu: dict[str, list[float]] = {name: [] for name in OPERATIONS}
    for number in range(rounds + 1):
        for name, operation in OPERATIONS.items():
            started = time.process_time()
            for _ in range(times):
                async with new_session() as session:
                    await operation(session, ids)
            if number:  # the first round warms up
                cpu[name].append((time.process_time() - started) / times * 1e6)
    await engine.dispose()
    print(json.dumps(cpu))


if __name__ == "__main__":
    _, rounds, times, first, second = sys.argv
    asyncio.run(main(int(rounds), int(times), (UUID(first), UUID(second))))
