"""What a service function raises, and the status code of its answer. Add your own below."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import status
from sqlalchemy.exc import DBAPIError

from app.kit.db import dialect
from app.kit.db.failures import DUPLICATE
from app.kit.errors import ServiceError


class NotFound(ServiceError):
    code = status.HTTP_404_NOT_FOUND


class Conflict(ServiceError):
    code = status.HTTP_409_CONFLICT


@contextmanager
def conflict_on_duplicate(detail: str) -> Iterator[None]:
    """Name what is taken: `with conflict_on_duplicate("..."): session.flush()`."""
    try:
        yield
    except DBAPIError as error:
        if dialect.failure(error) is DUPLICATE:
            raise Conflict(detail) from error
        raise
