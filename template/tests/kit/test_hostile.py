"""What a hostile client sends is its own mistake, and never a 500."""

import json
from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from tests.kit.problems import check
from tests.kit.things import LAMP


async def test_a_number_is_no_boolean(client: AsyncClient, path: str) -> None:
    check(await client.post(path, json=LAMP | {"is_active": 0}), 422)


@pytest.mark.parametrize(
    "content",
    [
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": "x", "\\ud800": 1}',
        b'{"name": "x", "contact": "\\ud800@example.com"}',
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": 9223372036854775808}',
        b'{"name": "' + b"x" * 100_000 + b'"}',
        b'{"name": "x", "contact": "' + b"x" * 100_000 + b'@example.com"}',
        b"[" * 100,
        b"[]",
        b"null",
        b"{",
        b"",
        b"\xff\xfe",
        b'{"name": ' + b"1" * 5000 + b"}",
        b'{"name": "x", "is_active": NaN}',
        b'{"name": "x", "is_active": -Infinity}',
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
async def test_hostile_json_is_refused(client: AsyncClient, path: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post(path, content=content, headers=headers)
    assert response.status_code in {400, 422}, response.text
    unparsed = check(response, response.status_code)["detail"].startswith("The body cannot be")
    assert unparsed is (response.status_code == 400)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": ";"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_body_that_is_no_json_is_told_so(
    client: AsyncClient, path: str, headers: dict[str, str]
) -> None:
    response = await client.post(path, content=json.dumps(LAMP), headers=headers)
    assert "Content-" in check(response, 415)["detail"]


@pytest.mark.parametrize(
    ("charset", "encoding", "status"),
    [
        ("utf-8", "utf-8", 201),
        ("utf-8", "utf-8-sig", 201),
        ("latin-1", "utf-8", 201),
        ("latin-1", "latin-1", 400),
    ],
)
async def test_json_is_unicode_whatever_its_content_type_says(
    client: AsyncClient, path: str, charset: str, encoding: str, status: int
) -> None:
    content = json.dumps(LAMP | {"name": "Lämp"}, ensure_ascii=False).encode(encoding)
    headers = {"Content-Type": f"application/json; charset={charset}"}
    response = await client.post(path, content=content, headers=headers)
    assert response.status_code == status
    if status == 201:
        assert response.json()["name"] == "Lämp"


async def test_an_answer_lists_a_hundred_errors_at_most(client: AsyncClient, path: str) -> None:
    response = await client.post(path, json=dict.fromkeys(map(str, range(999)), 1))
    assert len(check(response, 422)["errors"]) == 100


async def test_more_than_a_thousand_errors_are_counted(client: AsyncClient, path: str) -> None:
    response = await client.post(path, json=dict.fromkeys(map(str, range(1000)), 1))
    (error,) = check(response, 422)["errors"]
    assert error == {
        "pointer": "/body",
        "detail": "This has 1001 errors, which are too many to be described.",
    }


@pytest.mark.parametrize(
    "sent",
    [
        "/1",
        "/9223372036854775808",
        "/%00",
        "/%FF",
        "/" + "x" * 10_000,
        "?limit=99999999999999999999",
        "?cursor=" + "A" * 10_000,
        "?cursor=",
        "?cursor=" + "A" * 22 + "!",
        "?cursor=" + "A" * 22 + "%00",
    ],
    ids=lambda sent: sent[:40],
)
async def test_hostile_paths_and_queries_are_refused(
    client: AsyncClient, path: str, sent: str
) -> None:
    check(await client.get(f"{path}{sent}"), 422)


@pytest.mark.parametrize(
    ("headers", "most"), [({"Content-Length": "20000000"}, 0), ({}, 2)], ids=["length", "chunks"]
)
async def test_a_large_body_is_refused_before_its_end(
    client: AsyncClient, path: str, headers: dict[str, str], most: int
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += 1
            yield b"x" * 1_000_000

    headers |= {"Content-Type": "application/json"}
    check(await client.post(path, content=body(), headers=headers), 413)
    assert sent <= most
