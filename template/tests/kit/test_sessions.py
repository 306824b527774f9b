"""Sessions and TestClient, as FastAPI's documentation uses them."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import AsyncClient
from sqlalchemy import func, select, text

from app.database import AsyncSessionDep, SessionDep, SessionLocal
from app.kit.http.handlers import add_error_handlers
from tests.conftest import connect
from tests.kit.routers import THINGS
from tests.kit.things import LAMP, Thing, ThingRead

service = FastAPI()
add_error_handlers(service)
WAYS = ("/sync", "/async")


@service.post("/sync", response_model=ThingRead, status_code=201)
def create(session: SessionDep) -> Thing:
    thing = Thing(name="a lamp")
    session.add(thing)
    session.commit()
    session.refresh(thing)
    thing.text = "is committed too"
    return thing


@service.post("/async", response_model=ThingRead, status_code=201)
async def async_create(session: AsyncSessionDep) -> Thing:
    thing = Thing(name="a lamp")
    session.add(thing)
    await session.commit()
    await session.refresh(thing)
    thing.text = "is committed too"
    return thing


def names_and_texts() -> list[tuple[str, str]]:
    with SessionLocal() as session:
        return [(name, text) for name, text in session.execute(select(Thing.name, Thing.text))]


@pytest.mark.parametrize("way", WAYS)
async def test_an_endpoint_may_commit_and_go_on_with_its_session(way: str) -> None:
    async with connect(service) as client:
        response = await client.post(way)
    assert response.status_code == 201
    assert names_and_texts() == [("a lamp", "is committed too")]


def request_all(client: TestClient, found: int) -> set[int]:
    statuses = {client.get("/health/ready").status_code}
    for path in THINGS:
        response = client.get(path)
        assert len(response.json()["items"]) == found, response.text
        statuses.add(response.status_code)
    return statuses


async def test_fastapis_test_client_works_beside_the_async_one(
    app: FastAPI, client: AsyncClient
) -> None:
    """Each has an event loop of its own, and finds connections of the other one's in the pools."""
    for path in THINGS:
        assert (await client.get(path)).status_code == 200
    threads = TestClient(app)
    assert threads.post("/async/things", json=LAMP).status_code == 201
    assert request_all(threads, 1) == {200}
    for path in THINGS:
        response = await client.get(path)
        assert response.status_code == 200
        assert len(response.json()["items"]) == 1
    assert (await client.get("/health/ready")).status_code == 200
    assert request_all(threads, 1) == {200}


def test_fastapis_test_client_leaves_no_connection_open(app: FastAPI) -> None:
    """Without `with`, it closes an event loop after each request."""
    open_ones = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    threads = TestClient(app)
    with SessionLocal() as session:
        before = session.scalars(open_ones).one()
        for _ in range(20):
            assert threads.get("/async/things").status_code == 200
        # What PostgreSQL has of a statement's transaction stays as it was: begin another.
        session.rollback()
        assert session.scalars(open_ones).one() - before < 10


def test_fastapis_test_client_works_in_a_test_in_def(client: AsyncClient, app: FastAPI) -> None:
    threads: Any = TestClient(app)
    created = threads.post("/sync/things", json=LAMP)
    assert UUID(created.json()["id"])
    assert request_all(threads, 1) == {200}
    with SessionLocal() as session:
        assert session.scalar(select(func.count()).select_from(Thing)) == 1
