"""For the orchestrator: /live restarts the process, /ready takes it out of the rotation."""

import asyncio

import anyio
from fastapi import APIRouter, status
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.kit.db.connections import Engines
from app.kit.db.deadline import current
from app.kit.errors import ServiceError
from app.kit.http.problems import documented

PING = text("SELECT 1")
TIMEOUT = 1.5


class NotReady(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE


def ping(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(PING)


async def async_ping(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(PING)


def close_connections() -> None:
    if deadline := current.get():
        deadline.close_connections()


def create_health_router(engines: Engines) -> APIRouter:
    engine, async_engine = engines.for_readiness
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @router.get("/ready", responses=documented(status.HTTP_503_SERVICE_UNAVAILABLE))
    async def ready() -> dict[str, str]:
        """The database answers, through both engines."""
        # Neither a thread nor a ROLLBACK of SQLAlchemy can be cancelled: closing ends both.
        timer = asyncio.get_running_loop().call_later(TIMEOUT, close_connections)
        try:
            with anyio.fail_after(TIMEOUT):
                await async_ping(async_engine)
                await anyio.to_thread.run_sync(ping, engine, abandon_on_cancel=True)
        except (SQLAlchemyError, TimeoutError) as error:
            raise NotReady("The database does not answer.") from error
        finally:
            timer.cancel()
        return {"status": "ready"}

    return router
