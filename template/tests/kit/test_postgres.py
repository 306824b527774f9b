"""The PostgreSQL that the wheel brings."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from app.database import engine
from scripts import postgres

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


def test_the_port_stays_until_another_one_is_wished_for(tmp_path: Path) -> None:
    assert postgres.last_port(tmp_path, 5432) == 5432
    (tmp_path / "port").write_text("5432 5440\n")
    assert postgres.last_port(tmp_path, 5432) == 5440
    assert postgres.last_port(tmp_path, 5000) == 5000
    (tmp_path / "port").write_text("")
    assert postgres.last_port(tmp_path, 5432) == 5432
