import asyncio
import gc
import signal
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import FrameType

from anyio import to_thread
from fastapi import FastAPI, status
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from app import health
from app.budget import warn_over_budget
from app.database import dispose
from app.errors import add_error_handlers, documented
from app.log import configure_logging
from app.middleware import add_middleware
from app.openapi import adjust_openapi
from app.routes import api_router
from app.routing import index_routes
from app.settings import PROJECT, settings


def end_at_the_second_sigterm() -> None:
    """uvicorn lets requests finish at the first one, and waits for them at every other one too."""
    finish = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(finish):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        finish(number, frame)

    signal.signal(signal.SIGTERM, handle)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    # What is imported stays: looking through all of it again would stop every request for 0.1 s.
    gc.collect()
    gc.freeze()
    # A request makes thousands of objects and drops them all: look seldom for what is left.
    gc.set_threshold(10_000, 50, 1000)
    # More than anyio's 40: a `def` endpoint that waits for a connection waits in its thread.
    to_thread.current_default_thread_limiter().total_tokens = 40 + 4 * settings.db_pool_size
    end_at_the_second_sigterm()
    # The engines exist since import and connect when first asked, so that a service whose database
    # is down starts all the same and says so on /health/ready.
    checking = asyncio.create_task(warn_over_budget())
    yield
    checking.cancel()
    await asyncio.wait([checking])
    await dispose()


def operation_id(route: APIRoute) -> str:
    """The endpoint's own name, so that generated clients read like the code."""
    return route.name


def create_app() -> FastAPI:
    configure_logging(settings)
    # fastapi-offline serves the assets of /docs itself instead of from a CDN.
    app = FastAPIOffline(
        title=PROJECT["name"],
        description=PROJECT["description"],
        version=PROJECT["version"],
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        responses=documented(
            status.HTTP_400_BAD_REQUEST,
            status.HTTP_413_CONTENT_TOO_LARGE,
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            status.HTTP_500_INTERNAL_SERVER_ERROR,
            status.HTTP_503_SERVICE_UNAVAILABLE,
        ),
        # Native OpenTelemetry costs time on every request even where nothing collects it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    adjust_openapi(app)
    add_error_handlers(app)
    add_middleware(app, settings)
    app.include_router(health.router)
    app.include_router(api_router)
    index_routes(app)
    return app


app = create_app()
