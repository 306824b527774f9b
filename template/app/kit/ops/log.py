"""One format for every logger of the process: ours, uvicorn's, SQLAlchemy's."""

import logging.config
import sys

import structlog
from asgi_correlation_id import correlation_id
from structlog.types import EventDict, WrappedLogger


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if request_id := correlation_id.get():
        event["request_id"] = request_id
    return event


def configure_logging(*, level: str, json: bool) -> None:
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
    if not json:
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
            "root": {"handlers": ["stream"], "level": level},
            "loggers": {
                "uvicorn": {"handlers": [], "propagate": True},
                # AccessLog writes instead: it knows the path template.
                "uvicorn.access": {"handlers": [], "propagate": False},
                # They log whole URLs, and with them the tokens of other services.
                "httpx": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
            },
        }
    )
