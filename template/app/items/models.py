from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.kit.db.base import Base, Versioned
from app.kit.db.dialect import NOW
from app.users.models import User


class Item(Versioned, Base):
    """Many-to-one: every item has an owner and goes with its owner."""

    __tablename__ = "items"
    # For the pages of an owner's items, in either direction.
    __table_args__ = (Index(None, "owner_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW, init=False)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), init=False)

    owner: Mapped[User] = relationship(back_populates="items", lazy="raise", repr=False)
