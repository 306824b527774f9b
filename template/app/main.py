import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, status
from fastapi_offline import FastAPIOffline

from app.database import (
    async_engine,
    async_get_db,
    async_get_read_db,
    engines,
    get_db,
    get_read_db,
)
from app.kit.http.handlers import add_error_handlers
from app.kit.http.middleware import add_middleware
from app.kit.http.openapi import adjust_openapi, operation_id
from app.kit.http.overrides import refuse_overrides
from app.kit.http.problems import documented
from app.kit.http.route_index import index_routes
from app.kit.ops.budget import warn_over_budget
from app.kit.ops.health import create_health_router
from app.kit.ops.log import configure_logging
from app.kit.ops.process import prepare_process
from app.routes import api_router
from app.settings import PROJECT, settings


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    # More threads than anyio's 40: a `def` endpoint that waits for a connection waits in its own.
    prepare_process(threads=40 + 4 * settings.db_pool_size)
    # The engines exist since import and connect when first asked, so that a service whose database
    # is down starts all the same and says so on /health/ready.
    checking = asyncio.create_task(warn_over_budget(async_engine, engines))
    yield
    checking.cancel()
    await asyncio.wait([checking])
    await engines.dispose()


def create_app() -> FastAPI:
    configure_logging(level=settings.log_level, json=settings.log_json)
    # fastapi-offline serves the assets of /docs itself instead of from a CDN.
    app = FastAPIOffline(
        title=PROJECT["name"],
        description=PROJECT["description"],
        version=PROJECT["version"],
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        responses=documented(
            status.HTTP_400_BAD_REQUEST,
            status.HTTP_408_REQUEST_TIMEOUT,
            status.HTTP_413_CONTENT_TOO_LARGE,
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            status.HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE,
            status.HTTP_500_INTERNAL_SERVER_ERROR,
            status.HTTP_503_SERVICE_UNAVAILABLE,
        ),
        # Native OpenTelemetry costs time on every request even where nothing collects it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    refuse_overrides(app, get_db, async_get_db, get_read_db, async_get_read_db)
    adjust_openapi(app)
    add_error_handlers(app)
    add_middleware(
        app,
        request_timeout=settings.request_timeout,
        max_body_size=settings.max_body_size,
        max_body_values=settings.max_body_values,
        body_timeout=settings.body_timeout,
        log_json=settings.log_json,
        timing=settings.timing,
        cors_origins=settings.cors_origins,
    )
    app.include_router(create_health_router(engines))
    app.include_router(api_router)
    index_routes(app)
    return app


app = create_app()
