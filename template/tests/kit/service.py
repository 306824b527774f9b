"""A service of the kit's functions, with the endpoints of things and no endpoint of the team."""

from typing import Any

from fastapi import APIRouter, FastAPI, status

from app.database import engines
from app.kit.http.handlers import add_error_handlers
from app.kit.http.middleware import add_middleware
from app.kit.http.openapi import adjust_openapi, operation_id
from app.kit.http.problems import documented
from app.kit.http.route_index import index_routes
from app.kit.ops.health import create_health_router
from app.kit.ops.log import configure_logging
from app.main import lifespan
from app.settings import settings
from tests.kit.routers import async_router, router


def create_service(*routers: APIRouter, **options: Any) -> FastAPI:
    """With these options of `add_middleware`."""
    service = FastAPI(
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
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    adjust_openapi(service)
    add_error_handlers(service)
    add_middleware(service, **options)
    for included in (create_health_router(engines), *routers):
        service.include_router(included)
    index_routes(service)
    return service


configure_logging(level=settings.log_level, json=settings.log_json)
app = create_service(
    router, async_router, request_timeout=settings.request_timeout, log_json=settings.log_json
)
