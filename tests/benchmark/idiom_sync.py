"""The idiom's synchronous twin: `def`, a Session, psycopg2."""

from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from tests.benchmark.tables import User, UserCreate, UserRead, database_url

engine = create_engine(database_url("psycopg2"), pool_size=20, max_overflow=0)


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
app = FastAPI()


@app.post("/users", response_model=UserRead, status_code=201)
def create_user(session: SessionDep, data: UserCreate) -> User:
    user = User(**data.model_dump())
    session.add(user)
    session.commit()
    session.refresh(user)
    return user


@app.get("/users", response_model=list[UserRead])
def list_users(session: SessionDep, after: UUID) -> Sequence[User]:
    page = select(User).where(User.id > after).order_by(User.id).limit(20)
    return session.scalars(page).all()


@app.get("/users/{user_id}", response_model=UserRead)
def get_user(session: SessionDep, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user
