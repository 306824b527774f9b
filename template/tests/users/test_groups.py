from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.database import SessionLocal
from app.users.models import Group, User
from tests.conftest import Counting
from tests.users.factories import create_user, make_user


async def test_a_user_joins_and_leaves_groups(client: AsyncClient) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/groups"
    for name in ["staff", "poets", "staff"]:
        assert (await client.put(f"{url}/{name}")).json()["name"] == name
    assert [group["name"] for group in (await client.get(url)).json()] == ["poets", "staff"]
    assert (await client.delete(f"{url}/staff")).status_code == 204
    assert (await client.delete(f"{url}/staff")).status_code == 404
    assert [group["name"] for group in (await client.get(url)).json()] == ["poets"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", "/staff"), ("DELETE", "/staff")])
async def test_an_unknown_user_is_in_no_group(client: AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, f"/api/v1/users/{uuid4()}/groups{path}")
    assert response.status_code == 404


async def test_a_group_with_a_nul_in_its_name_is_refused(client: AsyncClient) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/groups"
    assert (await client.put(f"{url}/a%00b")).status_code == 422


async def test_listing_groups_is_two_statements(client: AsyncClient, counting: Counting) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/groups"
    with counting() as executed:
        assert (await client.get(url)).is_success
    assert len(executed) == 2, executed


def test_many_to_many_sets_both_sides() -> None:
    user = make_user()
    group = Group(name="staff")
    user.groups.append(group)
    assert group.users == [user]
    group.users.remove(user)
    assert user.groups == []


def test_a_group_stays_when_a_member_is_deleted(counting: Counting) -> None:
    with SessionLocal.begin() as session:
        user = make_user(groups=[Group(name="staff")])
        session.add(user)
    with SessionLocal.begin() as session:
        user = session.get_one(User, user.id)
        with counting() as executed:
            session.delete(user)
            session.flush()
        assert len(executed) == 1, executed
        assert session.scalar(select(func.count()).select_from(Group)) == 1
