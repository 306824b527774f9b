"""One format for every logger of the process: ours, uvicorn's, SQLAlchemy's."""

import logging.config
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from asgi_correlation_id import correlation_id
from pydantic_core import to_json
from structlog.types import EventDict, WrappedLogger

from app.settings import Settings


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if request_id := correlation_id.get():
        event["request_id"] = request_id
    return event


def access_logger(settings: Settings) -> Callable[..., Any]:
    """For the line of each request. As JSON it passes the loggers by, which take far longer."""
    name = "app.access"
    if not settings.log_json or not logging.getLogger(name).isEnabledFor(logging.INFO):
        return structlog.stdlib.get_logger(name).info

    def write(event: str, **fields: Any) -> None:
        common = {
            "level": "info",
            "logger": name,
            "timestamp": datetime.now(UTC),
            "request_id": correlation_id.get(),
        }
        sys.stderr.write(to_json({"event": event, **fields, **common}).decode() + "\n")

    return write


def configure_logging(settings: Settings) -> None:
    common: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        add_request_id,
    ]
    renderer: list[structlog.types.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    if not settings.log_json:
        # The default shows the local variables of every frame, passwords included.
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        renderer = [console]

    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structlog": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": common,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *renderer,
                    ],
                }
            },
            "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "structlog"}},
            "root": {"handlers": ["stream"], "level": settings.log_level},
            "loggers": {
                "uvicorn": {"handlers": [], "propagate": True},
                # app.middleware writes the access log: it knows the path template.
                "uvicorn.access": {"handlers": [], "propagate": False},
                # They log whole URLs, and with them the tokens of other services.
                "httpx": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
