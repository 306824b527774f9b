"""The life of a team in a service: what the stories of tests/test_update.py are about."""

import shutil
from pathlib import Path

from tests.updating import insert, remove_line

MODELS = """from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.kit.db.base import Base


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    number: Mapped[int]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
"""

ROUTER = """from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from app.database import AsyncSessionDep
from app.orders.models import Order

router = APIRouter(prefix="/orders", tags=["orders"])


class OrderCreate(BaseModel):
    number: int
    customer_id: UUID


@router.post("", status_code=201)
async def create_order(session: AsyncSessionDep, data: OrderCreate) -> UUID:
    order = Order(number=data.number, customer_id=data.customer_id)
    session.add(order)
    await session.flush()
    return order.id
"""

TESTS = """from httpx2 import AsyncClient

from tests.users.factories import create_user


async def test_a_user_with_a_phone_orders(client: AsyncClient) -> None:
    user = await create_user(client)
    assert user["phone"] is None
    order = {"number": 1, "customer_id": user["id"]}
    assert (await client.post("/api/v1/orders", json=order)).status_code == 201
"""

REVISION = '''"""orders, phones, no items"""

import sqlalchemy as sa
from alembic import op

revision = "4f1d2c3b5a69"
down_revision = "8e0b6d3c41f7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("items")
    op.add_column("users", sa.Column("phone", sa.String(40), nullable=True))
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["users.id"],
            name=op.f("fk_orders_customer_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )


def downgrade() -> None:
    op.drop_table("orders")
    op.drop_column("users", "phone")
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
    )
    op.create_index("ix_items_owner_id_id", "items", ["owner_id", "id"])
'''

MIDDLEWARE = """from fastapi import Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint


class Teapot(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["X-Teapot"] = "short and stout"
        return response
"""

RELATIONSHIP = """    items: Mapped[list["Item"]] = relationship(
        back_populates="owner",
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
        default_factory=list,
        repr=False,
    )
"""


def add_a_feature(service: Path) -> None:
    for name, text in {
        "app/orders/__init__.py": "",
        "app/orders/models.py": MODELS,
        "app/orders/router.py": ROUTER,
        "tests/orders/__init__.py": "",
        "tests/orders/test_orders.py": TESTS,
        "migrations/versions/2026_12_01_orders.py": REVISION,
    }.items():
        path = service / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    routes = service / "app" / "routes.py"
    insert(
        routes,
        "from fastapi import APIRouter",
        "",
        "from app.orders.router import router as orders_router",
    )
    insert(
        routes,
        "api_router.include_router(users_router)",
        "api_router.include_router(orders_router)",
    )


def add_a_column(service: Path) -> None:
    insert(
        service / "app" / "users" / "models.py",
        "    full_name: Mapped[str] = mapped_column(String(200))",
        "    phone: Mapped[str | None] = mapped_column(String(40), default=None)",
    )
    insert(
        service / "app" / "users" / "schemas.py",
        "    updated_at: datetime",
        "    phone: str | None",
    )


def delete_the_example(service: Path) -> None:
    shutil.rmtree(service / "app" / "items")
    shutil.rmtree(service / "tests" / "items")
    routes = service / "app" / "routes.py"
    remove_line(routes, "from app.items.router import router as items_router")
    remove_line(routes, "api_router.include_router(items_router)")
    models = service / "app" / "users" / "models.py"
    text = models.read_text("utf-8")
    for part in (
        RELATIONSHIP,
        "if TYPE_CHECKING:\n    from app.items.models import Item\n\n",
        "from typing import TYPE_CHECKING\n",
    ):
        assert part in text
        text = text.replace(part, "")
    models.write_text(text, "utf-8")


def make_it_their_own(service: Path) -> None:
    """A dependency, a setting, a middleware, a CI step, the README; a file deleted, one renamed."""
    insert(
        service / "pyproject.toml",
        '    "fastapi[standard-no-fastapi-cloud-cli]>=0.165.0",',
        '    "itsdangerous>=2.2",',
    )
    insert(
        service / "app" / "settings.py",
        "    log_json: bool = True",
        "    orders_limit: int = 10",
    )
    (service / "app" / "teapot.py").write_text(MIDDLEWARE)
    main = service / "app" / "main.py"
    insert(main, "from app.settings import PROJECT, settings", "from app.teapot import Teapot")
    insert(main, "    app.include_router(api_router)", "    app.add_middleware(Teapot)")
    insert(
        service / ".github" / "workflows" / "ci.yml",
        "      - run: uv run pytest --all",
        "      - run: uv run python -m compileall app",
    )
    with (service / "README.md").open("a") as readme:
        readme.write("\n## Orders\n\nAsk the orders team.\n")
    (service / "CLAUDE.md").unlink()
    kit = service / "tests" / "kit"
    (kit / "test_tls.py").rename(kit / "test_encryption.py")


STORIES = {
    "a feature": [add_a_feature],
    "a column": [add_a_column],
    "no example": [delete_the_example],
    "their own": [make_it_their_own],
    "all of it": [add_a_feature, add_a_column, delete_the_example, make_it_their_own],
}
