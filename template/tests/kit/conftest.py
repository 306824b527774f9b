"""The tables of things, and a client of the service that answers for them."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import Table, delete

from tests.conftest import connect, hold_to_the_document, wait_for_background
from tests.kit.things import Thing, ThingBase


@pytest.fixture(scope="package", autouse=True)
def things(tables: list[Table]) -> Iterator[None]:
    """Their tables are dropped after this package: Alembic would find that no revision has them.

    `tables` has the database's own, looked up before there are these.
    """
    from app.database import engine

    ThingBase.metadata.create_all(engine)
    yield
    ThingBase.metadata.drop_all(engine)


@pytest.fixture(autouse=True)
def no_thing_is_left(things: None) -> Iterator[None]:
    from app.database import engine

    yield
    with engine.begin() as connection:
        connection.execute(delete(Thing))


@pytest.fixture(scope="package")
async def app(things: None) -> AsyncIterator[FastAPI]:
    from tests.kit.service import app

    async with app.router.lifespan_context(app):
        await wait_for_background()
        yield app


@pytest.fixture(scope="package")
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with connect(app) as client:
        hold_to_the_document(client, app, app.openapi()["paths"])
        yield client


@pytest.fixture(params=["/sync/things", "/async/things"])
def path(request: pytest.FixtureRequest) -> str:
    """The test runs once on the endpoints in `def` and once on those in `async def`."""
    return str(request.param)
