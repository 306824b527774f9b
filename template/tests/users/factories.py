"""What makes a user for a test. A new required field of `UserCreate` needs one line in FIELDS."""

from typing import Any

from httpx2 import AsyncClient

from app.users.models import User
from app.users.schemas import UserCreate

FIELDS: dict[str, Any] = {
    "email": "ada@example.com",
    "full_name": "Ada Lovelace",
}


def user_data(**changes: Any) -> dict[str, Any]:
    """The body of a POST."""
    return FIELDS | changes


def make_user(**changes: Any) -> User:
    """A model; `changes` may also name relationships."""
    return User(**UserCreate(**FIELDS).model_dump() | changes)


async def create_user(client: AsyncClient, **changes: Any) -> dict[str, Any]:
    """By HTTP; what the service answers."""
    response = await client.post("/api/v1/users", json=user_data(**changes))
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user
