"""The idiom: FastAPI over an AsyncSession, as the documentation of both writes it."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tests.benchmark.tables import User, UserCreate, UserRead, database_url

engine = create_async_engine(database_url("asyncpg"), pool_size=20, max_overflow=0)
SessionLocal = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
app = FastAPI()


@app.post("/users", response_model=UserRead, status_code=201)
async def create_user(session: SessionDep, data: UserCreate) -> User:
    user = User(**data.model_dump())
    session.add(user)
    await session.commit()
    await session.refresh(user)
    return user


@app.get("/users", response_model=list[UserRead])
async def list_users(session: SessionDep, after: UUID) -> Sequence[User]:
    page = select(User).where(User.id > after).order_by(User.id).limit(20)
    return (await session.scalars(page)).all()


@app.get("/users/{user_id}", response_model=UserRead)
async def get_user(session: SessionDep, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user
