"""What every model is: a typed dataclass whose constraints have names."""

import enum
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import MetaData, text
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    declared_attr,
    mapped_column,
    registry,
)

from app.kit.db.money import Amount, Money, Price
from app.kit.db.types import VALUES, Timestamp

# Migrations can only drop or rename what has a name that both sides know.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# The column of `Mapped[...]`, where `mapped_column` names no type.
TYPE_ANNOTATION_MAP: dict[Any, Any] = {
    enum.Enum: VALUES,
    Literal: VALUES,
    datetime: Timestamp,
    Money: Amount,
    Price: Amount,
}

model_registry = registry(
    metadata=MetaData(naming_convention=NAMING_CONVENTION),
    type_annotation_map=TYPE_ANNOTATION_MAP,
)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    registry = model_registry


class Versioned(MappedAsDataclass, kw_only=True):
    """The unit of work counts the changes of a row; a bulk UPDATE must count on by itself."""

    version: Mapped[int] = mapped_column(server_default=text("1"), init=False)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        # Without eager_defaults, reading what the database computed in an UPDATE, such as
        # updated_at, would be a second, implicit SELECT.
        return {"version_id_col": cls.version, "eager_defaults": True}
