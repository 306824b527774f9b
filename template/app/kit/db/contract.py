"""What `app.kit.db.dialect` offers, whichever database it is for."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, ColumnElement, Connection, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from app.kit.db.failures import Failure
from app.kit.db.settings import DatabaseSettings

Model = TypeVar("Model", bound=DeclarativeBase)
Values = Mapping[str, Any]


class DatabaseModule(Protocol):
    """A module is one of these where mypy lets it be assigned to a variable of this type."""

    # For models and revisions; what a deployed revision imports is never renamed.
    Timestamp: Any
    NOW: ColumnElement[Any]
    Document: Any

    # For app.database: URLs, and the arguments of create_engine and create_async_engine.
    def url(self, settings: DatabaseSettings) -> URL: ...
    def async_url(self, settings: DatabaseSettings) -> URL: ...
    def options(
        self, settings: DatabaseSettings, *, read_only: bool = False, pool_size: int | None = None
    ) -> dict[str, Any]: ...
    def async_options(
        self, settings: DatabaseSettings, *, read_only: bool = False, pool_size: int | None = None
    ) -> dict[str, Any]: ...
    def at(
        self, arguments: Mapping[str, Any], host: str, port: int, timeout: int
    ) -> dict[str, Any]: ...

    # For errors: None is a mistake of the service's own.
    def failure(self, error: DBAPIError) -> Failure | None: ...
    def is_unsendable(self, error: BaseException) -> bool: ...

    # For services.
    def insert_if_absent(
        self, session: Session, target: type[DeclarativeBase] | Table, **values: Any
    ) -> None: ...
    def upsert(
        self, session: Session, model: type[Model], key: Values, changes: Values
    ) -> Model: ...
    def upsert_where(
        self,
        session: Session,
        model: type[Model],
        key: Values,
        changes: Values,
        where: ColumnElement[bool],
    ) -> Model | None: ...

    # For Alembic.
    def direct_url(self, settings: DatabaseSettings) -> URL: ...
    def migration_arguments(self, settings: DatabaseSettings) -> dict[str, Any]: ...
    def migration_preamble(self, settings: DatabaseSettings) -> str: ...
    def try_migration_lock(self, connection: Connection) -> bool: ...


class DriverConnection(Protocol):
    """A driver's connection, as the service opens it."""

    def terminate(self) -> None:
        """End it from outside, and wait for nobody: whoever waits for an answer gets an error."""

    def is_closed(self) -> bool:
        """Whether it has ended, or cannot be used here, without asking the server."""
