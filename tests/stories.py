"""What a team does to its service in the first weeks: the stories of tests/test_stories.py."""

import ast
from pathlib import Path

from tests.team import delete_the_example
from tests.updating import insert

REVISION = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "1f2e3d4c5b6a"
down_revision = "8e0b6d3c41f7"
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}

def downgrade() -> None:
{downgrade}'''

SHOP_MODELS = """from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Numeric
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.kit.db.base import Base
from app.kit.db.money import Money


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Article(Base):
    __tablename__ = "articles"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=uuid7, init=False)
    size: Mapped[Size]
    price: Mapped[Money]
    weight: Mapped[Decimal] = mapped_column(Numeric(8, 3))
"""

SHOP_ROUTER = """from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.database import async_write
from app.errors import Conflict
from app.kit.db.money import Money
from app.shop.models import Article, Size

router = APIRouter(prefix="/shop", tags=["shop"])


class ArticleCreate(BaseModel):
    size: Size
    price: Money
    weight: Decimal = Field(gt=0, max_digits=8, decimal_places=3)


class ArticleRead(ArticleCreate):
    model_config = ConfigDict(from_attributes=True)

    id: UUID


def create(session: Session, data: ArticleCreate) -> Article:
    article = Article(**data.model_dump())
    session.add(article)
    session.flush()
    return article


@router.post("", status_code=201, response_model=ArticleRead)
async def create_article(data: ArticleCreate) -> Article:
    return await async_write(create, data)


@router.get("/events")
async def events() -> StreamingResponse:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: tick\\n\\n"

    return StreamingResponse(endless(), media_type="text/event-stream")


@router.get("/called")
def called() -> PlainTextResponse:
    Path("called.txt").touch()
    return PlainTextResponse("called")


@router.get("/hidden", include_in_schema=False)
async def hidden() -> None:
    raise Conflict("nobody documented this")


@router.get("/undocumented")
async def undocumented() -> None:
    raise Conflict("nobody documented this answer")
"""

SHOP_TESTS = """from fastapi.testclient import TestClient
from httpx2 import AsyncClient

from app.main import app
from tests.users.factories import user_data


async def test_what_nobody_documented_is_answered(client: AsyncClient) -> None:
    for path in ("hidden", "undocumented"):
        assert (await client.get(f"/api/v1/shop/{path}")).status_code == 409


async def test_an_article_keeps_its_price(client: AsyncClient) -> None:
    article = {"size": "small", "price": "9.90", "weight": "0.5"}
    created = await client.post("/api/v1/shop", json=article)
    assert (created.status_code, created.json()["price"]) == (201, "9.90")
    article["size"] = "huge"
    assert (await client.post("/api/v1/shop", json=article)).status_code == 422


async def test_me_is_nobody_elses_id(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/users/me")).json() == "me"


def test_fastapis_own_client_works() -> None:
    with TestClient(app) as client:
        created = client.post("/api/v1/users", json=user_data())
        assert created.status_code == 201
        assert client.get(created.headers["Location"]).json() == created.json()


async def test_and_the_other_client_after_it(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/users")).status_code == 200


def test_fastapis_own_client_works_without_its_lifespan() -> None:
    client = TestClient(app)
    for _ in range(3):
        assert client.get("/api/v1/users").status_code == 200
"""

OVERRIDE_TESTS = """from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from app.database import get_db
from app.main import app

TestingSessionLocal = sessionmaker(create_engine("sqlite://"))


def override_get_db():  # type: ignore[no-untyped-def]
    db = TestingSessionLocal()
    try:
        yield db
    finally:
        db.close()


app.dependency_overrides[get_db] = override_get_db
client = TestClient(app)


def test_users() -> None:
    assert client.get("/api/v1/users").status_code == 200
"""

ME = """@router.get("/me")
async def get_me() -> str:
    return "me"


@router.get("/{user_id}", response_model=UserRead)
"""


def replace(path: Path, old: str, new: str) -> int:
    """How often it was there, at least once."""
    text = path.read_text("utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new), "utf-8")
    return text.count(old)


def write(service: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = service / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def revise(service: Path, message: str, upgrade: str, downgrade: str) -> None:
    text = REVISION.format(message=message, upgrade=upgrade, downgrade=downgrade)
    write(service, {"migrations/versions/2027_01_01_story.py": text})


def remove_definitions(path: Path, *names: str) -> None:
    """Top-level functions, classes and assignments, and the fields of classes (`User.groups`)."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    tree = ast.parse("".join(lines))
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        found.update(dict.fromkeys(named(node), node))
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                found |= {f"{node.name}.{name}": field for name in named(field)}
    for name in sorted(names, key=lambda each: -found[each].lineno):
        node = found[name]
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        del lines[first - 1 : node.end_lineno]
    path.write_text("".join(lines), "utf-8")


def named(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def require_a_phone(service: Path) -> None:
    users = service / "app" / "users"
    insert(
        users / "models.py",
        "    full_name: Mapped[str] = mapped_column(String(200))",
        "    phone: Mapped[str] = mapped_column(String(40))",
    )
    for field in ("full_name: FullName\n", "full_name: str\n"):
        added = field.replace("full_name", "phone")
        replace(users / "schemas.py", f"    {field}", f"    {field}    {added}")
    revise(
        service,
        "phones",
        '    op.add_column("users", sa.Column("phone", sa.String(40), nullable=False))\n',
        '    op.drop_column("users", "phone")\n',
    )


def give_the_factory_a_phone(service: Path) -> None:
    factories = service / "tests" / "users" / "factories.py"
    insert(factories, '    "full_name": "Ada Lovelace",', '    "phone": "+44 20 7946 0000",')


def delete_groups_and_profiles(service: Path) -> None:
    """As the README says."""
    users = service / "app" / "users"
    remove_definitions(
        users / "models.py", "Profile", "Group", "users_groups", "User.profile", "User.groups"
    )
    remove_definitions(
        users / "schemas.py", "ProfileWrite", "ProfileRead", "GroupRead", "GroupName"
    )
    remove_definitions(
        users / "service.py",
        *("PROFILE", "read_profile", "put_profile", "list_groups", "join_group", "leave_group"),
    )
    remove_definitions(
        users / "router.py",
        *("get_profile", "put_profile", "list_groups", "join_group", "leave_group"),
    )
    for name in ("test_profiles.py", "test_groups.py"):
        (service / "tests" / "users" / name).unlink()
    tables = ("users_groups", "profiles", "groups")
    revise(
        service,
        "no groups, no profiles",
        "".join(f'    op.drop_table("{table}")\n' for table in tables),
        "".join(
            f'    op.create_table("{table}", sa.Column("id", sa.Uuid(), primary_key=True))\n'
            for table in reversed(tables)
        )
        + '    op.add_column("users_groups", sa.Column("group_id", sa.Uuid()))\n'
        '    op.create_index("ix_users_groups_group_id", "users_groups", ["group_id"])\n',
    )


def rename_the_full_name(service: Path) -> None:
    for folder in ("app/users", "tests/users"):
        for path in (service / folder).glob("*.py"):
            path.write_text(path.read_text("utf-8").replace("full_name", "display_name"))
    revise(
        service,
        "display names",
        '    op.alter_column("users", "full_name", new_column_name="display_name")\n',
        '    op.alter_column("users", "display_name", new_column_name="full_name")\n',
    )


def delete_items(service: Path) -> None:
    delete_the_example(service)
    revise(
        service,
        "no items",
        '    op.drop_table("items")\n',
        '    op.create_table("items", sa.Column("owner_id", sa.Uuid()), sa.Column("id", sa.Uuid()))\n'
        '    op.create_index("ix_items_owner_id_id", "items", ["owner_id", "id"])\n',
    )


def require_a_setting(service: Path) -> None:
    insert(service / "app" / "settings.py", "    log_json: bool = False", "    orders_limit: int")


def give_the_tests_the_setting(service: Path) -> None:
    replace(
        service / "tests" / "conftest.py",
        "ENVIRONMENT: dict[str, str] = {}",
        'ENVIRONMENT: dict[str, str] = {"ORDERS_LIMIT": "10"}',
    )


def open_a_shop(service: Path) -> None:
    """A stream, a side effect, /users/me, a Decimal, an Enum, undocumented routes, TestClient."""
    write(
        service,
        {
            "app/shop/__init__.py": "",
            "app/shop/models.py": SHOP_MODELS,
            "app/shop/router.py": SHOP_ROUTER,
            "tests/shop/__init__.py": "",
            "tests/shop/test_shop.py": SHOP_TESTS,
        },
    )
    routes = service / "app" / "routes.py"
    insert(
        routes,
        "from app.items.router import router as items_router",
        "from app.shop.router import router as shop_router",
    )
    insert(
        routes,
        "api_router.include_router(users_router)",
        "api_router.include_router(shop_router)",
    )
    replace(
        service / "app" / "users" / "router.py",
        '@router.get("/{user_id}", response_model=UserRead)\n',
        ME,
    )


def override_the_session(service: Path) -> None:
    write(service, {"tests/test_override.py": OVERRIDE_TESTS})
