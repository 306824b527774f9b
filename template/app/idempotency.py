"""A POST sent again with its Idempotency-Key answers what it answered first, and does no more."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, BaseModel, WithJsonSchema
from sqlalchemy import DateTime, String, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base
from app.errors import KeyReused
from app.middleware import path_template

LIFETIME = timedelta(days=1)
FORGOTTEN_AT_ONCE = 10
VISIBLE_ASCII = r"^[!-~]{1,255}$"
INVALID = "An Idempotency-Key is 1 to 255 visible ASCII characters, such as a UUID"
REUSED = "This Idempotency-Key came with another request before: give each request its own."

Arguments = ParamSpec("Arguments")
Read = TypeVar("Read", bound=BaseModel)


class IdempotencyKey(Base):
    """What a request was answered, committed in one transaction with its work."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[Any] = mapped_column(JSONB, nullable=True, init=False)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True, init=False
    )


EXPIRED = IdempotencyKey.created_at < func.now() - LIFETIME


class KeyedRequest(NamedTuple):
    scope: str
    key: str
    fingerprint: str


def once(
    session: Session,
    request: KeyedRequest | None,
    read: type[Read],
    work: Callable[Concatenate[Session, Arguments], object],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Read:
    """Do the work and return it as `read`; with a key that is known, return its first result."""
    if request is None:
        return read.model_validate(work(session, *args, **kwargs))
    if claimed := claim(session, request):
        result = read.model_validate(work(session, *args, **kwargs))
        claimed.result = result.model_dump(mode="json", round_trip=True)
        forget_old_keys(session)
        return result
    answered = session.get_one(IdempotencyKey, (request.scope, request.key))
    if answered.fingerprint != request.fingerprint:
        raise KeyReused(REUSED)
    return read.model_validate(answered.result)


def claim(session: Session, request: KeyedRequest) -> IdempotencyKey | None:
    """Wait for a twin that is at work, and return nothing if it has committed a result."""
    insertion = insert(IdempotencyKey).values(request._asdict())
    return session.scalar(
        insertion.on_conflict_do_update(
            index_elements=[IdempotencyKey.scope, IdempotencyKey.key],
            set_={"fingerprint": request.fingerprint, "created_at": func.now()},
            where=EXPIRED,
        ).returning(IdempotencyKey)
    )


def forget_old_keys(session: Session) -> None:
    """Some at a time, more than come in, and none that another request works on."""
    key = IdempotencyKey.scope, IdempotencyKey.key
    old = select(*key).where(EXPIRED).limit(FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
    session.execute(
        delete(IdempotencyKey).where(tuple_(*key).in_(select(old.cte()))),
        execution_options={"synchronize_session": False},
    )


def check(key: str) -> str:
    if not re.fullmatch(VISIBLE_ASCII, key):
        raise ValueError(INVALID)
    return key


async def read_key(
    request: Request,
    key: Annotated[
        str | None,
        AfterValidator(check),
        WithJsonSchema({"type": "string", "pattern": VISIBLE_ASCII}),
        Header(
            alias="Idempotency-Key",
            description="A second request with this key, within a day, answers what the first did",
        ),
    ] = None,
) -> KeyedRequest | None:
    if key is None:
        return None
    # Where callers are known, add the caller: nobody should be answered another's result.
    scope = f"{request.method} {path_template(request.scope)}"
    sent = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    return KeyedRequest(scope, key, sha256(sent).hexdigest())


IdempotencyKeyDep = Annotated[KeyedRequest | None, Depends(read_key)]
