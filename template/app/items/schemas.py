from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import MISSING, BaseModel, ConfigDict, Field

from app.kit.rest.pages import PageQuery
from app.kit.rest.text import Line, Text
from app.users.schemas import UserRead

Title = Annotated[Line, Field(max_length=200, examples=["A lamp"])]
Description = Annotated[Text, Field(max_length=2000)]


class ItemCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    owner_id: UUID
    title: Title
    description: Description = ""


class ItemUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title | MISSING = MISSING
    description: Description | MISSING = MISSING


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    title: str
    description: str
    created_at: datetime
    owner: UserRead


class ItemQuery(PageQuery):
    owner_id: UUID | MISSING = MISSING
    title: Title | MISSING = Field(default=MISSING, description="A part of it, in any case")
    order: Literal["oldest", "newest"] = "oldest"


ItemPageDep = Annotated[ItemQuery, Query()]
