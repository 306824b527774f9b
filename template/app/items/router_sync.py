from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from app.database import read, write, write_once
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
def create_item(
    data: ItemCreate,
    key: IdempotencyKeyDep,
    request: Request,
    response: Response,
) -> ItemRead:
    item, _ = write_once(key, ItemRead, service.create_item, data)
    return created(request, response, item)


@router.get("", response_model=Page[ItemRead])
def list_items(query: ItemPageDep) -> Slice[Item]:
    return read(service.list_items, query)


@router.get("/{item_id}", response_model=ItemRead)
def get_item(item_id: UUID, response: Response) -> Item:
    return tagged(response, read(service.get_item, item_id))


@router.patch("/{item_id}", response_model=ItemRead, responses=REQUIRED_IF_MATCH)
def update_item(
    item_id: UUID,
    data: ItemUpdate,
    if_match: RequiredIfMatchDep,
    response: Response,
) -> Item:
    """Change the fields that are sent."""
    item = write(service.update_item, item_id, data, if_match)
    return tagged(response, item)


@router.delete("/{item_id}", status_code=status.HTTP_204_NO_CONTENT, responses=REQUIRED_IF_MATCH)
def delete_item(item_id: UUID, if_match: RequiredIfMatchDep) -> None:
    write(service.delete_item, item_id, if_match)
