from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from sqlalchemy import Row

from app.database import async_read_rows, read, read_rows, write, write_once
from app.kit.http.problems import documented
from app.kit.rest.idempotency import IdempotencyKeyDep
from app.kit.rest.pages import Page, PageDep, Slice
from app.kit.rest.preconditions import IF_MATCH, IfMatchDep, created, tagged
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
    data: UserCreate,
    key: IdempotencyKeyDep,
    request: Request,
    response: Response,
) -> UserRead:
    user, _ = write_once(key, UserRead, service.create_user, data)
    return created(request, response, user)


@router.get("", response_model=Page[UserRead])
def list_users(page: PageDep) -> Slice[Row[Any]]:
    """In the order of creation."""
    return read_rows(service.read_users, page)


@router.get("/{user_id}", response_model=UserRead)
async def get_user(user_id: UUID, response: Response) -> Row[Any]:
    return tagged(response, await async_read_rows(service.read_user, user_id))


@router.patch("/{user_id}", response_model=UserRead, responses=IF_MATCH)
def update_user(
    user_id: UUID,
    data: UserUpdate,
    if_match: IfMatchDep,
    response: Response,
) -> User:
    """Change the fields that are sent."""
    user = write(service.update_user, user_id, data, if_match)
    return tagged(response, user)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, responses=IF_MATCH)
def delete_user(user_id: UUID, if_match: IfMatchDep) -> None:
    """With everything that belongs to the user."""
    write(service.delete_user, user_id, if_match)


@router.get("/{user_id}/profile", response_model=ProfileRead)
def get_profile(user_id: UUID) -> Row[Any]:
    return read_rows(service.read_profile, user_id)


@router.put("/{user_id}/profile", response_model=ProfileRead)
def put_profile(user_id: UUID, data: ProfileWrite) -> Profile:
    return write(service.put_profile, user_id, data)


@router.get("/{user_id}/groups", response_model=list[GroupRead])
def list_groups(user_id: UUID) -> Sequence[Group]:
    return read(service.list_groups, user_id)


@router.put("/{user_id}/groups/{name}", response_model=GroupRead)
def join_group(user_id: UUID, name: GroupName) -> Group:
    """A group exists from its first member on."""
    return write(service.join_group, user_id, name)


@router.delete("/{user_id}/groups/{name}", status_code=status.HTTP_204_NO_CONTENT)
def leave_group(user_id: UUID, name: GroupName) -> None:
    write(service.leave_group, user_id, name)
