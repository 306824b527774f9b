"""What PostgreSQL says of itself, for `poe doctor` and for the warning at the start."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, text

from app.kit.db.settings import DatabaseSettings

OLDEST_TESTED = 15
SESSION = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
SERVER = text("""
    SELECT rolsuper, ssl, current_setting('server_version_num')::int / 10000
    FROM pg_roles, pg_stat_ssl WHERE rolname = session_user AND pid = pg_backend_pid()
""")
# LEAST passes over NULL; -1 is no limit; PostgreSQL 15 has no reserved_connections.
CONNECTION_LIMIT = text("""
    SELECT CASE WHEN rolsuper THEN current_setting('max_connections')::int ELSE least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
        nullif(rolconnlimit, -1),
        nullif(datconnlimit, -1)
    ) END
    FROM pg_roles, pg_database
    WHERE rolname = session_user AND datname = current_database()
""")


class Finding(NamedTuple):
    level: str
    sentence: str


error = partial(Finding, "error")
warning = partial(Finding, "warning")
Findings = Iterator[Finding]


def connection_limit(connection: Connection) -> int | None:
    """How many connections this role may open, or None where there is no limit."""
    limit: int | None = connection.scalar(CONNECTION_LIMIT)
    return limit


def check_session(connection: Connection, settings: DatabaseSettings) -> Findings:
    """The parameters that a connection starts with, where a pooler does not drop them."""
    expected = {
        "statement_timeout": f"{settings.db_statement_timeout}000",
        "lock_timeout": f"{settings.db_lock_timeout}000",
        "idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}000",
        "TimeZone": "UTC",
    }
    for name, found in connection.execute(SESSION, {"names": [*expected]}):
        if found.removeprefix("Etc/") != expected[name]:
            report = error if found == "0" else warning
            yield report(
                f"{name} is {found} through {connection.dialect.driver}, not {expected[name]}:"
                f" `ALTER ROLE {settings.db_username} SET {name} = '{expected[name]}'`,"
                " if a pooler drops what the service asks for."
            )


def check_server(connection: Connection, settings: DatabaseSettings, *, local: bool) -> Findings:
    superuser, encrypted, version = connection.execute(SERVER).one()
    if superuser:
        yield warning("The role is a superuser: use one that owns its database and no more.")
    if not encrypted and not local:
        yield warning(f"Nothing encrypts what {settings.db_host} is sent: turn on ssl there.")
    if version < OLDEST_TESTED:
        yield warning(f"PostgreSQL {version} is older than {OLDEST_TESTED}, the oldest one tested.")
