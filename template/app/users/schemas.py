from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field, StrictBool

from app.kit.rest.text import Email, Line, Text

FullName = Annotated[Line, Field(max_length=200, examples=["Ada Lovelace"])]
GroupName = Annotated[Line, Field(max_length=100, examples=["staff"])]


class UserCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    full_name: FullName
    is_active: StrictBool = True


class UserUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email | MISSING = MISSING
    full_name: FullName | MISSING = MISSING
    is_active: StrictBool | MISSING = MISSING


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    email: str
    full_name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class ProfileWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bio: Annotated[Text, Field(max_length=2000)]


class ProfileRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    bio: str


class GroupRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
