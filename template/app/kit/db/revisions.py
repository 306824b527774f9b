"""What Alembic writes into a revision."""

from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Enum, TypeDecorator

from app.kit.db.types import holds_values


def render_type(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
    """A type as SQLAlchemy's own: a revision must run when the code that it came from has moved.

    It is Alembic's `render_item`; False leaves the rest to Alembic.
    """
    if kind != "type":
        return False
    if isinstance(item, Enum) and holds_values(item):
        return f"sa.String(length={item.length})"
    if isinstance(item, TypeDecorator) and context.migration_context:
        stored = item.load_dialect_impl(context.migration_context.dialect)
        if type(stored).__module__ == "sqlalchemy.sql.sqltypes":
            return f"sa.{stored!r}"
    return False


# For `context.configure`.
AUTOGENERATE: dict[str, Any] = {
    "compare_server_default": True,
    "render_item": render_type,
    # The second finds CHECK constraints that were added or removed, by their names.
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
}
