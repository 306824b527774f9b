"""The endpoints of things, in `def` below /sync and in `async def` below /async."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from sqlalchemy import Row

from app.database import (
    async_read,
    async_read_rows,
    async_write,
    async_write_once,
    read,
    read_rows,
    write,
    write_once,
)
from app.kit.http.problems import documented
from app.kit.rest.idempotency import IdempotencyKeyDep
from app.kit.rest.pages import Page, PageDep, Slice
from app.kit.rest.preconditions import (
    IF_MATCH,
    REQUIRED_IF_MATCH,
    IfMatchDep,
    RequiredIfMatchDep,
    created,
    tagged,
)
from tests.kit import things
from tests.kit.things import (
    Note,
    NoteRead,
    NoteWrite,
    Part,
    PartName,
    PartRead,
    Thing,
    ThingCreate,
    ThingRead,
    ThingUpdate,
)

RESPONSES = documented(status.HTTP_404_NOT_FOUND, status.HTTP_409_CONFLICT)
router = APIRouter(prefix="/sync/things", tags=["def"], responses=RESPONSES)
async_router = APIRouter(prefix="/async/things", tags=["async def"], responses=RESPONSES)

THINGS = (router.prefix, async_router.prefix)
BELOW = ("", "/{thing_id}", "/{thing_id}/note", "/{thing_id}/parts", "/{thing_id}/parts/{name}")
PATHS = tuple(f"{prefix}{path}" for prefix in THINGS for path in BELOW)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_thing(
    data: ThingCreate, key: IdempotencyKeyDep, request: Request, response: Response
) -> ThingRead:
    thing, _ = write_once(key, ThingRead, things.create_thing, data)
    return created(request, response, thing)


@router.get("", response_model=Page[ThingRead])
def list_things(page: PageDep) -> Slice[Row[Any]]:
    return read_rows(things.read_things, page)


@router.get("/{thing_id}", response_model=ThingRead)
def get_thing(thing_id: UUID, response: Response) -> Row[Any]:
    return tagged(response, read_rows(things.read_thing, thing_id))


@router.patch("/{thing_id}", response_model=ThingRead, responses=IF_MATCH)
def update_thing(
    thing_id: UUID, data: ThingUpdate, if_match: IfMatchDep, response: Response
) -> Thing:
    return tagged(response, write(things.update_thing, thing_id, data, if_match))


@router.put("/{thing_id}", response_model=ThingRead, responses=REQUIRED_IF_MATCH)
def replace_thing(
    thing_id: UUID, data: ThingCreate, if_match: RequiredIfMatchDep, response: Response
) -> Thing:
    return tagged(response, write(things.update_thing, thing_id, data, if_match))


@router.delete("/{thing_id}", status_code=status.HTTP_204_NO_CONTENT, responses=IF_MATCH)
def delete_thing(thing_id: UUID, if_match: IfMatchDep) -> None:
    write(things.delete_thing, thing_id, if_match)


@router.put("/{thing_id}/note", response_model=NoteRead)
def put_note(thing_id: UUID, data: NoteWrite) -> Note:
    return write(things.put_note, thing_id, data)


@router.get("/{thing_id}/parts", response_model=list[PartRead])
def list_parts(thing_id: UUID) -> Sequence[Part]:
    return read(things.list_parts, thing_id)


@router.put("/{thing_id}/parts/{name}", response_model=PartRead)
def add_part(thing_id: UUID, name: PartName) -> Part:
    return write(things.add_part, thing_id, name)


@async_router.post("", status_code=status.HTTP_201_CREATED)
async def async_create_thing(
    data: ThingCreate, key: IdempotencyKeyDep, request: Request, response: Response
) -> ThingRead:
    thing, _ = await async_write_once(key, ThingRead, things.create_thing, data)
    return created(request, response, thing)


@async_router.get("", response_model=Page[ThingRead])
async def async_list_things(page: PageDep) -> Slice[Row[Any]]:
    return await async_read_rows(things.read_things, page)


@async_router.get("/{thing_id}", response_model=ThingRead)
async def async_get_thing(thing_id: UUID, response: Response) -> Row[Any]:
    return tagged(response, await async_read_rows(things.read_thing, thing_id))


@async_router.patch("/{thing_id}", response_model=ThingRead, responses=IF_MATCH)
async def async_update_thing(
    thing_id: UUID, data: ThingUpdate, if_match: IfMatchDep, response: Response
) -> Thing:
    return tagged(response, await async_write(things.update_thing, thing_id, data, if_match))


@async_router.put("/{thing_id}", response_model=ThingRead, responses=REQUIRED_IF_MATCH)
async def async_replace_thing(
    thing_id: UUID, data: ThingCreate, if_match: RequiredIfMatchDep, response: Response
) -> Thing:
    return tagged(response, await async_write(things.update_thing, thing_id, data, if_match))


@async_router.delete("/{thing_id}", status_code=status.HTTP_204_NO_CONTENT, responses=IF_MATCH)
async def async_delete_thing(thing_id: UUID, if_match: IfMatchDep) -> None:
    await async_write(things.delete_thing, thing_id, if_match)


@async_router.put("/{thing_id}/note", response_model=NoteRead)
async def async_put_note(thing_id: UUID, data: NoteWrite) -> Note:
    return await async_write(things.put_note, thing_id, data)


@async_router.get("/{thing_id}/parts", response_model=list[PartRead])
async def async_list_parts(thing_id: UUID) -> Sequence[Part]:
    return await async_read(things.list_parts, thing_id)


@async_router.put("/{thing_id}/parts/{name}", response_model=PartRead)
async def async_add_part(thing_id: UUID, name: PartName) -> Part:
    return await async_write(things.add_part, thing_id, name)
