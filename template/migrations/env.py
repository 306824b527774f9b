"""Alembic on psycopg2, with the settings of the service."""

from alembic import context
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

import app.routes  # noqa: F401 - imports every model there is
from app.database import SQLALCHEMY_DATABASE_URL, Base
from app.log import configure_logging
from app.settings import settings

if context.config.cmd_opts:  # Alembic's own command line, not a test
    configure_logging(settings)

if context.is_offline_mode():
    context.configure(
        url=SQLALCHEMY_DATABASE_URL, target_metadata=Base.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(
        SQLALCHEMY_DATABASE_URL,
        poolclass=NullPool,
        connect_args={"connect_timeout": settings.db_connect_timeout},
    )
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise SystemExit(f"The database does not answer. {error.orig}".strip()) from None
    with connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_server_default=True,
            # The second finds CHECK constraints that were added or removed, by their names.
            autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
