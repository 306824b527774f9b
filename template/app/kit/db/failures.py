"""What can go wrong with a statement, whatever the database: the answer's status and sentence."""

from typing import NamedTuple

from fastapi import status

from app.kit.errors import ServiceError


class Failure(NamedTuple):
    code: int
    detail: str


DUPLICATE = Failure(status.HTTP_409_CONFLICT, "This already exists.")
NO_REFERENCE = Failure(status.HTTP_409_CONFLICT, "This refers to something that does not exist.")
RULE_BROKEN = Failure(status.HTTP_409_CONFLICT, "This breaks a rule of the stored data.")
CHANGED_MEANWHILE = Failure(
    status.HTTP_409_CONFLICT, "Another request changed the same data. Try again."
)
UNSTORABLE = Failure(status.HTTP_422_UNPROCESSABLE_CONTENT, "A value cannot be stored.")
OVERLOADED = Failure(status.HTTP_503_SERVICE_UNAVAILABLE, "The database is overloaded. Try again.")
LOCKED = Failure(status.HTTP_503_SERVICE_UNAVAILABLE, "The data is locked. Try again.")
CANCELLED = Failure(
    status.HTTP_503_SERVICE_UNAVAILABLE, "The database cancelled the statement. Try again."
)
TABLE_CHANGED = Failure(status.HTTP_503_SERVICE_UNAVAILABLE, "A table has changed. Try again.")
UNREACHABLE = Failure(
    status.HTTP_503_SERVICE_UNAVAILABLE, "The database is unreachable. Try again."
)
POOL_BUSY = Failure(status.HTTP_503_SERVICE_UNAVAILABLE, "Every connection is busy. Try again.")


class Unstorable(ServiceError):
    """The driver refused a value before it sent it."""

    code = UNSTORABLE.code

    def __init__(self) -> None:
        super().__init__(UNSTORABLE.detail)


class TimedOut(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("This took too long. Try again.")
