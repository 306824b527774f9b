"""What keyed requests were answered: stored in one transaction with the work of each."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar, TypeVarTuple

from fastapi import status
from pydantic import BaseModel
from sqlalchemy import ColumnElement, String, delete, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.kit.db import dialect
from app.kit.db.base import Base
from app.kit.errors import ServiceError

LIFETIME = timedelta(days=1)
FORGOTTEN_AT_ONCE = 10

Args = TypeVarTuple("Args")
Read = TypeVar("Read", bound=BaseModel)


class KeyReused(ServiceError):
    code = status.HTTP_422_UNPROCESSABLE_CONTENT

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came with another request before: give each request its own."
        )


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[Any] = mapped_column(dialect.Document, nullable=True, init=False)
    created_at: Mapped[datetime] = mapped_column(server_default=dialect.NOW, index=True, init=False)


class KeyedRequest(NamedTuple):
    scope: str
    key: str
    fingerprint: str


class Once(NamedTuple, Generic[Read]):
    result: Read
    replayed: bool
    """Whether an earlier request did the work: send no second e-mail."""


def once(
    session: Session,
    request: KeyedRequest | None,
    read: type[Read],
    work: Callable[[Session, *Args], object],
    *args: *Args,
) -> Once[Read]:
    """Do the work and return it as `read`; with a key that is known, return its first result."""
    if request is None:
        return Once(read.model_validate(work(session, *args)), replayed=False)
    if claimed := claim(session, request):
        result = read.model_validate(work(session, *args))
        claimed.result = result.model_dump(mode="json", round_trip=True)
        forget_old_keys(session)
        return Once(result, replayed=False)
    answered = session.get_one(IdempotencyKey, (request.scope, request.key))
    if answered.fingerprint != request.fingerprint:
        raise KeyReused
    return Once(read.model_validate(answered.result), replayed=True)


def has_expired() -> ColumnElement[bool]:
    return IdempotencyKey.created_at < datetime.now(UTC) - LIFETIME


def claim(session: Session, request: KeyedRequest) -> IdempotencyKey | None:
    """Wait for a twin that is at work, and return nothing if it has committed a result."""
    return dialect.upsert_where(
        session,
        IdempotencyKey,
        key={"scope": request.scope, "key": request.key},
        changes={"fingerprint": request.fingerprint, "created_at": dialect.NOW},
        where=has_expired(),
    )


def forget_old_keys(session: Session) -> None:
    """Some at a time, more than come in, and none that another request works on."""
    key = IdempotencyKey.scope, IdempotencyKey.key
    expired = select(*key).where(has_expired()).limit(FORGOTTEN_AT_ONCE)
    old = expired.with_for_update(skip_locked=True).cte()
    session.execute(
        delete(IdempotencyKey).where(tuple_(*key).in_(select(old))),
        execution_options={"synchronize_session": False},
    )
