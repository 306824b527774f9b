"""One format for every logger of the process: ours, uvicorn's, SQLAlchemy's."""

import logging.config
import sys
from typing import Any

import orjson
import structlog
from asgi_correlation_id import correlation_id
from structlog.types import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from app.settings import Settings


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if request_id := correlation_id.get():
        event["request_id"] = request_id
    return event


COMMON: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
    add_request_id,
]


def to_json(event: EventDict, **options: Any) -> str:
    return orjson.dumps(event, **options).decode()


def renderer(settings: Settings) -> list[Processor]:
    if settings.log_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(to_json)]
    # The default shows the local variables of every frame, passwords included.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [console]


class DirectLogger(structlog.WriteLogger):
    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


def direct_logger(name: str, settings: Settings) -> FilteringBoundLogger:
    """For what every request writes: through the standard library it costs three times as much."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        DirectLogger(name),
        [*COMMON, *renderer(settings)],
        structlog.make_filtering_bound_logger(settings.log_level),
    )
    return logger.bind()


def configure_logging(settings: Settings) -> None:
    structlog.configure(
        processors=[*COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
                    "foreign_pre_chain": COMMON,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *renderer(settings),
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
