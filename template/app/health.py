"""For the orchestrator: /live restarts the process, /ready takes it out of the rotation."""

import asyncio

import anyio
from fastapi import APIRouter, status
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import create_engines
from app.deadline import current
from app.errors import ServiceError, documented

PING = text("SELECT 1")
TIMEOUT = 1.5

# Connections of their own: requests that wait for a lock may hold all others.
engine, async_engine = create_engines(pool_size=1)

router = APIRouter(prefix="/health", tags=["health"])


class NotReady(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE


def ping() -> None:
    with engine.connect() as connection:
        connection.execute(PING)


async def async_ping() -> None:
    async with async_engine.connect() as connection:
        await connection.execute(PING)


def hang_up() -> None:
    if deadline := current.get():
        deadline.hang_up()


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready", responses=documented(status.HTTP_503_SERVICE_UNAVAILABLE))
async def ready() -> dict[str, str]:
    """The database answers, through both engines."""
    # Neither a thread nor SQLAlchemy's ROLLBACK can be cancelled: hanging up ends them.
    timer = asyncio.get_running_loop().call_later(TIMEOUT, hang_up)
    try:
        with anyio.fail_after(TIMEOUT):
            await async_ping()
            await anyio.to_thread.run_sync(ping, abandon_on_cancel=True)
    except (SQLAlchemyError, TimeoutError) as error:
        raise NotReady("The database does not answer.") from error
    finally:
        timer.cancel()
    return {"status": "ready"}
