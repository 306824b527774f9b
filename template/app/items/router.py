from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from app.database import async_read, async_write, async_write_once
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemPageDep, ItemRead, ItemUpdate
from app.kit.http.problems import documented
from app.kit.rest.idempotency import IdempotencyKeyDep
from app.kit.rest.pages import Page, Slice
from app.kit.rest.preconditions import REQUIRED_IF_MATCH, RequiredIfMatchDep, created, tagged

router = APIRouter(
    prefix="/items",
    tags=["items"],
    responses=documented(status.HTTP_404_NOT_FOUND, status.HTTP_409_CONFLICT),
)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_item(
    data: ItemCreate,
    key: IdempotencyKeyDep,
    request: Request,
    response: Response,
) -> ItemRead:
    item, _ = await async_write_once(key, ItemRead, service.create_item, data)
    return created(request, response, item)


@router.get("", response_model=Page[ItemRead])
async def list_items(query: ItemPageDep) -> Slice[Item]:
    return await async_read(service.list_items, query)


@router.get("/{item_id}", response_model=ItemRead)
async def get_item(item_id: UUID, response: Response) -> Item:
    return tagged(response, await async_read(service.get_item, item_id))


@router.patch("/{item_id}", response_model=ItemRead, responses=REQUIRED_IF_MATCH)
async def update_item(
    item_id: UUID,
    data: ItemUpdate,
    if_match: RequiredIfMatchDep,
    response: Response,
) -> Item:
    """Change the fields that are sent."""
    item = await async_write(service.update_item, item_id, data, if_match)
    return tagged(response, item)


@router.delete("/{item_id}", status_code=status.HTTP_204_NO_CONTENT, responses=REQUIRED_IF_MATCH)
async def delete_item(item_id: UUID, if_match: RequiredIfMatchDep) -> None:
    await async_write(service.delete_item, item_id, if_match)
