import asyncio
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import delete, func, select

from app.database import SessionLocal
from app.users.models import Profile, User
from tests.conftest import Counting
from tests.users.factories import create_user, make_user


async def test_a_profile_is_written_and_rewritten(client: AsyncClient) -> None:
    user = await create_user(client)
    url = f"/api/v1/users/{user['id']}/profile"
    assert (await client.get(url)).status_code == 404
    for bio in ["Countess", ""]:
        expected = {"user_id": user["id"], "bio": bio}
        assert (await client.put(url, json={"bio": bio})).json() == expected
        assert (await client.get(url)).json() == expected


async def test_a_profile_that_is_put_twice_at_once_is_put(client: AsyncClient) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/profile"
    puts = [client.put(url, json={"bio": "Countess"}) for _ in range(10)]
    assert {response.status_code for response in await asyncio.gather(*puts)} == {200}


@pytest.mark.parametrize("character", ["x", "🎉"])
async def test_a_bio_may_be_as_long_as_its_column(client: AsyncClient, character: str) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/profile"
    assert (await client.put(url, json={"bio": character * 2000})).json()["bio"][-1] == character
    assert (await client.put(url, json={"bio": character * 2001})).status_code == 422


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_unknown_user_has_no_profile(client: AsyncClient, method: str) -> None:
    url = f"/api/v1/users/{uuid4()}/profile"
    assert (await client.request(method, url, json={"bio": ""})).status_code == 404


async def test_putting_a_profile_is_two_statements(client: AsyncClient, counting: Counting) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}/profile"
    with counting() as executed:
        assert (await client.put(url, json={"bio": "Countess"})).is_success
    assert len(executed) == 2, executed


def test_one_to_one_sets_both_sides() -> None:
    user = make_user()
    profile = Profile(user=user)
    assert user.profile is profile
    user.profile = None
    assert profile.user is None


@pytest.mark.parametrize("by", ["unit of work", "statement"])
def test_the_database_deletes_the_profile_with_its_user(by: str, counting: Counting) -> None:
    with SessionLocal.begin() as session:
        user = make_user(profile=Profile(bio="Countess"))
        session.add(user)
    with SessionLocal.begin() as session:
        user = session.get_one(User, user.id)
        with counting() as executed:
            if by == "statement":
                session.execute(delete(User))
            else:
                session.delete(user)
                session.flush()
        assert len(executed) == 1, executed
    with SessionLocal() as session:
        assert session.scalar(select(func.count()).select_from(Profile)) == 0
