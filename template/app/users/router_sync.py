from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from sqlalchemy import Row

from app.database import ReadSessionDep, SessionDep, async_read, read
from app.errors import documented
from app.idempotency import IdempotencyKeyDep, once
from app.pagination import Page, PageDep, Slice
from app.preconditions import IF_MATCH, IfMatchDep, tagged
from app.users import service
from app.users.models import Group, Profile, User
from app.users.schemas import (
    GroupName,
    GroupRead,
    ProfileRead,
    ProfileWrite,
    UserCreate,
    UserRead,
    UserUpdate,
)

router = APIRouter(
    prefix="/users",
    tags=["users"],
    responses=documented(status.HTTP_404_NOT_FOUND, status.HTTP_409_CONFLICT),
)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_user(
    session: SessionDep,
    data: UserCreate,
    key: IdempotencyKeyDep,
    request: Request,
    response: Response,
) -> UserRead:
    user = once(session, key, UserRead, service.create_user, data)
    response.headers["Location"] = f"{request.url.path}/{user.id}"
    return tagged(response, user)


@router.get("", response_model=Page[UserRead])
def list_users(page: PageDep) -> Slice[Row[Any]]:
    """In the order of creation."""
    return read(service.read_users, page)


@router.get("/{user_id}", response_model=UserRead)
async def get_user(user_id: UUID, response: Response) -> Row[Any]:
    return tagged(response, await async_read(service.read_user, user_id))


@router.patch("/{user_id}", response_model=UserRead, responses=IF_MATCH)
def update_user(
    session: SessionDep,
    user_id: UUID,
    data: UserUpdate,
    if_match: IfMatchDep,
    response: Response,
) -> User:
    """Change the fields that are sent."""
    user = service.update_user(session, user_id, data, if_match)
    return tagged(response, user)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, responses=IF_MATCH)
def delete_user(session: SessionDep, user_id: UUID, if_match: IfMatchDep) -> None:
    """With everything that belongs to the user."""
    service.delete_user(session, user_id, if_match)


@router.get("/{user_id}/profile", response_model=ProfileRead)
def get_profile(user_id: UUID) -> Row[Any]:
    return read(service.read_profile, user_id)


@router.put("/{user_id}/profile", response_model=ProfileRead)
def put_profile(session: SessionDep, user_id: UUID, data: ProfileWrite) -> Profile:
    return service.put_profile(session, user_id, data)


@router.get("/{user_id}/groups", response_model=list[GroupRead])
def list_groups(session: ReadSessionDep, user_id: UUID) -> Sequence[Group]:
    return service.list_groups(session, user_id)


@router.put("/{user_id}/groups/{name}", response_model=GroupRead)
def join_group(session: SessionDep, user_id: UUID, name: GroupName) -> Group:
    """A group exists from its first member on."""
    return service.join_group(session, user_id, name)


@router.delete("/{user_id}/groups/{name}", status_code=status.HTTP_204_NO_CONTENT)
def leave_group(session: SessionDep, user_id: UUID, name: GroupName) -> None:
    service.leave_group(session, user_id, name)
