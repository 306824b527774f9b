"""For the orchestrator: /live restarts the process, /ready takes it out of the rotation."""

import asyncio

import anyio
from fastapi import APIRouter, status
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.kit.db.connections import Engines
from app.kit.db.deadline import Deadline
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


class Probe:
    """Asks the database once for all who ask meanwhile: many probes cannot delay one another."""

    def __init__(self, engine: Engine, async_engine: AsyncEngine) -> None:
        self.engine = engine
        self.async_engine = async_engine
        self.asking: asyncio.Task[bool] | None = None

    async def is_answered(self) -> bool:
        if self.asking is None or self.asking.done():
            self.asking = asyncio.create_task(self.ask())
        # Whoever began it may go away before the others.
        return await asyncio.shield(self.asking)

    async def ask(self) -> bool:
        # Neither a thread nor a ROLLBACK of SQLAlchemy can be cancelled: a Deadline closes the
        # connections, which ends both. It also refuses to connect where little time is left, as
        # here from the beginning: so its own seconds are more.
        with Deadline(10 * TIMEOUT) as limit:
            timer = limit.loop.call_later(TIMEOUT, limit.end)
            try:
                await async_ping(self.async_engine)
                await anyio.to_thread.run_sync(ping, self.engine, abandon_on_cancel=True)
            except SQLAlchemyError:
                return False
            finally:
                timer.cancel()
        return not limit.passed


def create_health_router(engines: Engines) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])
    probe = Probe(*engines.for_readiness)

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @router.get("/ready", responses=documented(status.HTTP_503_SERVICE_UNAVAILABLE))
    async def ready() -> dict[str, str]:
        """The database answers, through both engines."""
        if not await probe.is_answered():
            raise NotReady("The database does not answer.")
        return {"status": "ready"}

    # Some monitors send nothing else. In the document they would be operations of the same name.
    router.head("/live", include_in_schema=False)(live)
    router.head("/ready", include_in_schema=False)(ready)
    return router
