from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.kit.db.base import Base, Versioned
from app.kit.db.dialect import NOW

if TYPE_CHECKING:
    from app.items.models import Item

users_groups = Table(
    "users_groups",
    Base.metadata,
    Column[UUID]("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column[UUID](
        "group_id", ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)


class User(Versioned, Base):
    __tablename__ = "users"
    # The service lower-cases every address; this holds it to that.
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    full_name: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW, init=False)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW, onupdate=NOW, init=False)

    # lazy="raise": what a query did not load is an error, never a hidden SELECT.
    profile: Mapped["Profile | None"] = relationship(
        back_populates="user",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
        default=None,
        repr=False,
    )
    groups: Mapped[list["Group"]] = relationship(
        secondary=users_groups,
        back_populates="users",
        order_by="Group.name",
        passive_deletes=True,
        lazy="raise",
        default_factory=list,
        repr=False,
    )
    items: Mapped[list["Item"]] = relationship(
        back_populates="owner",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
        default_factory=list,
        repr=False,
    )


class Profile(Base):
    """One-to-one: the primary key is the user's, so there cannot be two."""

    __tablename__ = "profiles"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, init=False
    )
    bio: Mapped[str] = mapped_column(String(2000), default="")

    user: Mapped[User] = relationship(
        back_populates="profile", lazy="raise", default=None, repr=False
    )


class Group(Base):
    """Many-to-many, through `users_groups`."""

    __tablename__ = "groups"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    name: Mapped[str] = mapped_column(String(100), unique=True)

    users: Mapped[list[User]] = relationship(
        secondary=users_groups,
        back_populates="groups",
        passive_deletes=True,
        lazy="raise",
        default_factory=list,
        repr=False,
    )
