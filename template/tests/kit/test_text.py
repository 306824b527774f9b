"""What text the database stores, and what is said of the rest."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import literal, select

from app.database import AsyncSessionDep, SessionDep
from app.kit.http.handlers import add_error_handlers
from tests.conftest import connect
from tests.kit.problems import check
from tests.kit.things import LAMP


@pytest.mark.parametrize("character", ["x", "🎉"])
@pytest.mark.parametrize(
    ("below", "field", "longest"),
    [("", "name", 200), ("/note", "text", 2000), ("/parts/{}", "name", 100)],
)
async def test_a_text_may_be_as_long_as_its_column(
    client: AsyncClient, path: str, character: str, below: str, field: str, longest: int
) -> None:
    created = await client.post(path, json=LAMP)
    method, url = "PUT" if below else "PATCH", created.headers["Location"] + below
    text = character * longest
    stored = await client.request(method, url.format(text), json={field: text})
    assert stored.status_code == 200, stored.text
    assert stored.json()[field] == text
    text += character
    response = await client.request(method, url.format(text), json={field: text})
    (error,) = check(response, 422)["errors"]
    assert error["pointer"].endswith(f"/{field}")


@pytest.mark.parametrize("text", ["\x00", "\ud800"], ids=ascii)
async def test_a_text_that_no_schema_has_checked_is_refused_on_both_engines(text: str) -> None:
    service = FastAPI()
    add_error_handlers(service)
    statement = select(literal(text))

    @service.get("/sync")
    def read(session: SessionDep) -> None:
        session.execute(statement)

    @service.get("/async")
    async def async_read(session: AsyncSessionDep) -> None:
        await session.execute(statement)

    async with connect(service) as client:
        for path in ("/sync", "/async"):
            assert check(await client.get(path), 422)["detail"] == "A value cannot be stored."


@pytest.mark.parametrize(
    "name",
    ["A\x00a", "A\x07a", "A\na", "A\x7fa", "A\x85a", "A\u2028a", " A", "A ", "A\n", "\ufeff", " "],
    ids=ascii,
)
async def test_a_name_is_one_line_without_spaces_around_it(
    client: AsyncClient, path: str, name: str
) -> None:
    response = await client.post(path, json={"name": name})
    (error,) = check(response, 422)["errors"]
    assert error["pointer"] == "/body/name"
    assert error["detail"].startswith("This must be one line")


async def test_a_nul_in_a_path_is_refused(client: AsyncClient, path: str) -> None:
    created = await client.post(path, json=LAMP)
    check(await client.put(f"{created.headers['Location']}/parts/a%00b"), 422)
