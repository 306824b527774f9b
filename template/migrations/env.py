"""Alembic on psycopg2, with the settings of the service."""

from alembic import context
from sqlalchemy import NullPool, create_engine

import app.routes  # noqa: F401 - imports every model there is
from app.database import SQLALCHEMY_DATABASE_URL, Base

if context.is_offline_mode():
    context.configure(
        url=SQLALCHEMY_DATABASE_URL, target_metadata=Base.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(SQLALCHEMY_DATABASE_URL, poolclass=NullPool)
    with engine.connect() as connection:
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
