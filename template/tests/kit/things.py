"""A feature that belongs to the tests: things, each with a note and with parts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy import Connection, ForeignKey, MetaData, Row, String, bindparam, delete, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    mapped_column,
    relationship,
    selectinload,
)
from uuid_utils.compat import uuid7

from app.errors import NotFound, conflict_on_duplicate
from app.kit.db import dialect
from app.kit.db.base import NAMING_CONVENTION, TYPE_ANNOTATION_MAP, Versioned
from app.kit.db.dialect import NOW
from app.kit.rest.pages import Keyset, PageQuery, Slice, fetch_page
from app.kit.rest.preconditions import ANY, IfMatch, PreconditionFailed, matches, unchanged
from app.kit.rest.text import Email, Line, Text

NAME_TAKEN = "A thing with this name exists already."

# What a client sends to create one.
LAMP = {"name": "a lamp"}
DESK = {"name": "a desk"}


class ThingBase(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    """Metadata of its own, because Alembic compares that of `Base` with the database."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = TYPE_ANNOTATION_MAP


class Thing(Versioned, ThingBase):
    __tablename__ = "kit_things"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    text: Mapped[str] = mapped_column(String(2000), default="")
    contact: Mapped[str] = mapped_column(String(254), default="ada@example.com")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW, init=False)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW, onupdate=NOW, init=False)

    parts: Mapped[list["Part"]] = relationship(
        order_by="Part.name", lazy="raise", default_factory=list, repr=False
    )


class Note(ThingBase):
    __tablename__ = "kit_notes"

    thing_id: Mapped[UUID] = mapped_column(
        ForeignKey(Thing.id, ondelete="CASCADE"), primary_key=True
    )
    text: Mapped[str] = mapped_column(String(2000))


class Part(ThingBase):
    __tablename__ = "kit_parts"

    thing_id: Mapped[UUID] = mapped_column(
        ForeignKey(Thing.id, ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(100), primary_key=True)


Name = Annotated[Line, Field(max_length=200)]
PartName = Annotated[Line, Field(max_length=100)]
LongText = Annotated[Text, Field(max_length=2000)]


class ThingCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    text: LongText = ""
    contact: Email = "ada@example.com"
    is_active: StrictBool = True


class ThingUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name | MISSING = MISSING
    text: LongText | MISSING = MISSING


class ThingRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    name: str
    text: str
    contact: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class NoteWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: LongText


class NoteRead(NoteWrite):
    model_config = ConfigDict(from_attributes=True)


class PartRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str


THING = select(Thing.__table__).where(Thing.id == bindparam("thing_id"))


OLDEST_FIRST = Keyset(Thing.id)


def create_thing(session: Session, data: ThingCreate) -> Thing:
    thing = Thing(**data.model_dump())
    session.add(thing)
    with conflict_on_duplicate(NAME_TAKEN):
        session.flush()
    return thing


def get_thing(session: Session, thing_id: UUID, *, with_parts: bool = False) -> Thing:
    options = [selectinload(Thing.parts)] if with_parts else []
    thing = session.get(Thing, thing_id, options=options)
    if thing is None:
        raise NotFound(f"There is no thing {thing_id}.")
    return thing


def read_thing(connection: Connection, thing_id: UUID) -> Row[Any]:
    thing = connection.execute(THING, {"thing_id": thing_id}).one_or_none()
    if thing is None:
        raise NotFound(f"There is no thing {thing_id}.")
    return thing


def read_things(connection: Connection, page: PageQuery) -> Slice[Row[Any]]:
    return fetch_page(connection, select(Thing.__table__), OLDEST_FIRST, page)


def update_thing(
    session: Session, thing_id: UUID, data: ThingUpdate | ThingCreate, if_match: IfMatch = ANY
) -> Thing:
    thing = get_thing(session, thing_id)
    with unchanged(thing, if_match), conflict_on_duplicate(NAME_TAKEN):
        for name, value in data.model_dump().items():
            setattr(thing, name, value)
        session.flush()
    return thing


def delete_thing(session: Session, thing_id: UUID, if_match: IfMatch = ANY) -> None:
    deletion = delete(Thing).where(Thing.id == thing_id, matches(Thing, if_match))
    if session.scalar(deletion.returning(Thing.id)) is None:
        get_thing(session, thing_id)
        raise PreconditionFailed


def put_note(session: Session, thing_id: UUID, data: NoteWrite) -> Note:
    get_thing(session, thing_id)
    return dialect.upsert(session, Note, {"thing_id": thing_id}, {"text": data.text})


def list_parts(session: Session, thing_id: UUID) -> Sequence[Part]:
    return get_thing(session, thing_id, with_parts=True).parts


def add_part(session: Session, thing_id: UUID, name: str) -> Part:
    get_thing(session, thing_id)
    dialect.insert_if_absent(session, Part, thing_id=thing_id, name=name)
    return session.get_one(Part, (thing_id, name))
