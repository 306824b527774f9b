"""The typical stack of a template: a BaseHTTPMiddleware, a service over a repository, pre-ping.

Its pool is SQLAlchemy's default, the dependency commits, and the server writes its access log.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from tests.benchmark.tables import User, UserCreate, UserRead, database_url

engine = create_async_engine(
    database_url("asyncpg"), pool_size=5, max_overflow=10, pool_pre_ping=True
)
SessionLocal = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        try:
            yield session
            await session.commit()
        except Exception:
            await session.rollback()
            raise


class UserRepository:
    def __init__(self, session: Annotated[AsyncSession, Depends(get_session)]) -> None:
        self.session = session

    async def add(self, user: User) -> User:
        self.session.add(user)
        await self.session.flush()
        await self.session.refresh(user)
        return user

    async def page(self, after: UUID) -> Sequence[User]:
        statement = select(User).where(User.id > after).order_by(User.id).limit(20)
        return (await self.session.scalars(statement)).all()

    async def get(self, user_id: UUID) -> User | None:
        return await self.session.get(User, user_id)


class UserService:
    def __init__(self, repository: Annotated[UserRepository, Depends()]) -> None:
        self.repository = repository

    async def create(self, data: UserCreate) -> User:
        return await self.repository.add(User(**data.model_dump()))

    async def page(self, after: UUID) -> Sequence[User]:
        return await self.repository.page(after)

    async def get(self, user_id: UUID) -> User:
        user = await self.repository.get(user_id)
        if user is None:
            raise HTTPException(404)
        return user


class ProcessTime(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        started = time.perf_counter()
        response = await call_next(request)
        response.headers["X-Process-Time"] = str(time.perf_counter() - started)
        return response


Service = Annotated[UserService, Depends()]
app = FastAPI()
app.add_middleware(ProcessTime)


@app.post("/users", response_model=UserRead, status_code=201)
async def create_user(service: Service, data: UserCreate) -> User:
    return await service.create(data)


@app.get("/users", response_model=list[UserRead])
async def list_users(service: Service, after: UUID) -> Sequence[User]:
    return await service.page(after)


@app.get("/users/{user_id}", response_model=UserRead)
async def get_user(service: Service, user_id: UUID) -> User:
    return await service.get(user_id)
