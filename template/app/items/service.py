"""What the service knows of items."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.errors import NotFound
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemQuery, ItemUpdate
from app.kit.rest.pages import Keyset, Slice, contains, equals, fetch_page, filter_by
from app.kit.rest.preconditions import ANY, IfMatch, PreconditionFailed, matches, unchanged
from app.users.service import get_user

# A key is in the order of creation; the index on (owner_id, id) serves both.
ORDERS = {"oldest": Keyset(Item.id), "newest": Keyset(Item.id, descending=True)}


def create_item(session: Session, data: ItemCreate) -> Item:
    owner = get_user(session, data.owner_id)
    item = Item(owner=owner, title=data.title, description=data.description)
    session.add(item)
    session.flush()
    return item


def get_item(session: Session, item_id: UUID) -> Item:
    item = session.get(Item, item_id, options=[joinedload(Item.owner)])
    if item is None:
        raise NotFound(f"There is no item {item_id}.")
    return item


def list_items(session: Session, query: ItemQuery) -> Slice[Item]:
    """Two statements, however long the page: the items, and the owners of them all."""
    statement = filter_by(
        select(Item).options(selectinload(Item.owner)),
        query,
        owner_id=equals(Item.owner_id),
        title=contains(Item.title),
    )
    return fetch_page(session, statement, ORDERS[query.order], query)


def update_item(session: Session, item_id: UUID, data: ItemUpdate, if_match: IfMatch = ANY) -> Item:
    item = get_item(session, item_id)
    with unchanged(item, if_match):
        for name, value in data.model_dump().items():
            setattr(item, name, value)
        session.flush()
    return item


def delete_item(session: Session, item_id: UUID, if_match: IfMatch = ANY) -> None:
    deletion = delete(Item).where(Item.id == item_id, matches(Item, if_match))
    if session.scalar(deletion.returning(Item.id)) is None:
        get_item(session, item_id)
        raise PreconditionFailed
