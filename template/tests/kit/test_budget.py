import logging

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from app import main
from app.database import ASYNC_SQLALCHEMY_DATABASE_URL
from scripts import postgres
from tests.conftest import wait_for_background
from tests.kit.marks import unpooled


async def start(app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        await wait_for_background()


@unpooled
async def test_the_start_warns_where_the_pools_are_more_than_postgresql_lets_in(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await start(app)
    assert caplog.records == []
    monkeypatch.setenv("WEB_CONCURRENCY", "10000")
    await start(app)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "10000 times " in record.getMessage()


async def test_the_start_leaves_a_database_that_is_down_to_readiness(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = ASYNC_SQLALCHEMY_DATABASE_URL.set(host=postgres.HOST, port=postgres.free_port())
    monkeypatch.setattr(main, "async_engine", create_async_engine(url))
    await start(app)
    assert caplog.records == []
