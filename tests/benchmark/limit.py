"""The limit: ASGI by hand over a pool of asyncpg. No framework, no ORM, no validation."""

import os
from json import JSONEncoder, loads
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

USERS = "id, email, full_name, is_active, created_at, updated_at"
VALUES = "VALUES ($1, $2, $3, true, now(), now())"
CREATE = f"INSERT INTO users ({USERS}) {VALUES} RETURNING {USERS}"
READ = f"SELECT {USERS} FROM users WHERE id = $1"
PAGE = f"SELECT {USERS} FROM users WHERE id > $1 ORDER BY id LIMIT 20"
encode = JSONEncoder(default=str).encode


async def answer(pool: Any, scope: Any, receive: Any) -> tuple[int, Any]:
    if scope["method"] == "POST":
        data = loads((await receive())["body"])
        return 201, dict(await pool.fetchrow(CREATE, uuid7(), data["email"], data["full_name"]))
    if after := scope["query_string"].decode().removeprefix("after="):
        return 200, [dict(row) for row in await pool.fetch(PAGE, UUID(after))]
    return 200, dict(await pool.fetchrow(READ, UUID(scope["path"].removeprefix("/users/"))))


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        url = os.environ["DATABASE_URL"]
        async with asyncpg.create_pool(url, min_size=20, max_size=20) as scope["state"]["pool"]:
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        return
    status, content = await answer(scope["state"]["pool"], scope, receive)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encode(content).encode()})
