"""The PostgreSQL that the wheel brings."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from app.database import engine
from scripts import postgres, psql
from tests.conftest import ROOT

EXTENSIONS = {"btree_gist", "citext", "hstore", "pg_trgm", "unaccent", "vector"}


def test_it_has_the_extensions_that_a_search_needs(database: None) -> None:
    if "SUPERUSER_URL" not in os.environ:
        pytest.skip("this is another server, which DB_HOST names")
    with engine.connect() as connection:
        available = connection.scalars(text("SELECT name FROM pg_available_extensions")).all()
        assert set(available) >= EXTENSIONS
        # A role that owns its database may create them.
        connection.execute(text("CREATE EXTENSION pg_trgm"))
        assert connection.scalar(text("SELECT similarity('lamp', 'lamps')")) > 0
        connection.rollback()


def test_started_by_root_it_may_not_read_what_is_roots() -> None:
    if not postgres.is_root():
        pytest.skip("this is not root")
    with TemporaryDirectory() as folder:  # pytest's own lie in a folder that is root's alone
        Path(folder).chmod(0o711)
        mine = Path(folder) / "mine"
        mine.touch(mode=0o600)
        if not postgres.is_reachable(postgres.programs()):
            pytest.skip("this environment lies in a folder that is root's alone")
        data = Path(folder) / "server"
        postgres.copy_created(data, ROOT / ".postgres" / f"created-{postgres.VERSION}")
        with postgres.running(data, postgres.free_port(), durable=False) as superuser:
            superuser = superuser.set(drivername="postgresql+psycopg2")
            reading = create_engine(superuser, poolclass=NullPool)
            with reading.connect() as connection, pytest.raises(ProgrammingError, match="denied"):
                connection.execute(text(f"SELECT pg_read_file('{mine}')"))
            password = (data / "password").stat()
            assert (password.st_uid, password.st_mode & 0o777) == (0, 0o600)


def test_the_port_stays_until_another_one_is_wished_for(tmp_path: Path) -> None:
    assert postgres.last_port(tmp_path, 5432) == 5432
    (tmp_path / "port").write_text("5432 5440\n")
    assert postgres.last_port(tmp_path, 5432) == 5440
    assert postgres.last_port(tmp_path, 5000) == 5000
    (tmp_path / "port").write_text("")
    assert postgres.last_port(tmp_path, 5432) == 5432


def test_without_psql_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(psql.program()).is_file()
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(SystemExit, match="psql is not installed"):
        psql.program()
