"""What a script of the team's does, in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMMAND = """
from app.database import SessionLocal
from app.users.models import User

with SessionLocal() as session:
    print(session.query(User).count())
"""
RELATED = """
from app.kit.db.base import Base
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy import ForeignKey
"""
ONE = (
    RELATED
    + """
class One(Base):
    __tablename__ = "ones"
    id: Mapped[int] = mapped_column(primary_key=True)
    others: Mapped[list["Other"]] = relationship(default_factory=list)
"""
)
OTHER = (
    RELATED
    + """
class Other(Base):
    __tablename__ = "others"
    id: Mapped[int] = mapped_column(primary_key=True)
    one_id: Mapped[int] = mapped_column(ForeignKey("ones.id"))
"""
)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What the Dockerfile copies."""
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line and "uv.lock" not in line:
            _, source, target = line.split()
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, tmp_path / target)
    return tmp_path


def test_a_script_that_imports_one_model_works(image: Path) -> None:
    for name, source in (("ones", ONE), ("others", OTHER)):
        folder = image / "app" / name
        folder.mkdir()
        (folder / "models.py").write_text(source)
    done = run(image, "-c", "from app.ones.models import One; print(One(id=1).others)")
    assert done.stdout == "[]\n", done.stderr


def test_a_module_of_app_is_a_command_in_the_image(database: None, image: Path) -> None:
    (image / "app" / "commands").mkdir()
    (image / "app" / "commands" / "count.py").write_text(COMMAND)
    done = run(image, "-m", "app.commands.count")
    assert done.stdout == "0\n", done.stderr
