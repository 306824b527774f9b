"""The service of things, with endpoints as a team may write them: forms, parameters, lists."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import anyio.lowlevel
from fastapi import APIRouter, Form, Query, Request, UploadFile, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from app.settings import settings
from tests.kit.routers import async_router, router
from tests.kit.service import create_service


class Point(BaseModel):
    x: int
    y: int
    z: int


class Lists(BaseModel):
    model_config = ConfigDict(extra="forbid")

    numbers: list[int] = []
    points: list[Point] = []
    anything: Any = None


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = 0


hostile = APIRouter()


@hostile.post("/sync/lists")
def send_lists(lists: Lists) -> Lists:
    return lists


@hostile.post("/async/lists")
async def async_send_lists(lists: Lists) -> Lists:
    return lists


@hostile.post("/sync/form")
def send_form(options: Annotated[Options, Form()]) -> Options:
    return options


@hostile.post("/async/form")
async def async_send_form(options: Annotated[Options, Form()]) -> Options:
    return options


@hostile.post("/sync/files")
def send_files(files: list[UploadFile]) -> int:
    return len(files)


@hostile.post("/async/files")
async def async_send_files(request: Request) -> int:
    return len(await request.form())


@hostile.get("/sync/query")
def ask(options: Annotated[Options, Query()]) -> Options:
    return options


@hostile.get("/async/query")
async def async_ask(options: Annotated[Options, Query()]) -> Options:
    return options


@hostile.get("/endless")
async def get_endless() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            await anyio.lowlevel.checkpoint()
            yield b"x" * 100_000

    return StreamingResponse(parts())


@hostile.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


app = create_service(
    hostile,
    router,
    async_router,
    max_body_size=settings.max_body_size,
    max_body_values=settings.max_body_values,
    body_timeout=settings.body_timeout,
    log_json=True,
)
