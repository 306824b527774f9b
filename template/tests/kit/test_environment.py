"""Where a setting comes from, and what is said where it cannot be read."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from app.kit.db.settings import DatabaseSettings
from app.kit.ops.environment import (
    EnvironmentSettings,
    StringList,
    env_files,
    load,
    names_another_server,
)

WRITTEN = {
    "DB_HOST": "localhost",
    "DB_PORT": "5432",
    "DB_NAME": "app",
    "DB_USERNAME": "app",
    "DB_PASSWORD": "secret",
    "DB_REPLICA_HOST": "replica",
}
DEVELOPMENT = "DB_HOST=127.0.0.1\nDB_PORT=5434\nDB_SSL_MODE=disable\nDB_REPLICA_HOST=\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service's folder while `poe dev` runs, and a shell that says nothing."""
    for name in os.environ:
        if name.startswith("DB_") or name in ("ENV_FILE", "SECRETS_DIR"):
            monkeypatch.delenv(name)
    (tmp_path / ".env").write_text("".join(f"{k}='{v}'\n" for k, v in WRITTEN.items()))
    (tmp_path / ".postgres").mkdir()
    (tmp_path / ".postgres" / "env").write_text(DEVELOPMENT)
    return tmp_path


def load_in(root: Path) -> DatabaseSettings:
    class Settings(DatabaseSettings):
        model_config = SettingsConfigDict(env_file=env_files(root))

    return load(Settings)


def export(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_an_exported_env_file_redirects_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(monkeypatch, **WRITTEN)
    loaded = load_in(root)
    assert (loaded.db_host, loaded.db_port, loaded.db_replica_host) == ("127.0.0.1", 5434, None)
    assert not names_another_server(root / ".env")


@pytest.mark.parametrize(
    "own",
    [
        {"DB_HOST": "there"},
        {"DB_PORT": "1"},
        {"DB_HOST": "localhost", "DB_USERNAME": "tester", "DB_PASSWORD": "other"},
    ],
)
@pytest.mark.parametrize("exported", [{}, WRITTEN])
def test_what_differs_from_env_wins_over_the_database_of_poe_dev(
    root: Path, monkeypatch: pytest.MonkeyPatch, exported: dict[str, str], own: dict[str, str]
) -> None:
    export(monkeypatch, **{**exported, **own})
    loaded = load_in(root)
    assert names_another_server(root / ".env")
    assert loaded.db_host == own.get("DB_HOST", "localhost")
    assert loaded.db_port == int(own.get("DB_PORT", 5432))
    assert loaded.db_username == own.get("DB_USERNAME", "app")


def test_a_setting_that_names_no_server_wins_and_redirects_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(monkeypatch, **WRITTEN | {"DB_NAME": "other", "DB_POOL_SIZE": "3"})
    loaded = load_in(root)
    assert (loaded.db_port, loaded.db_name, loaded.db_pool_size) == (5434, "other", 3)
    assert not names_another_server(root / ".env")


def test_what_is_empty_is_not_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(monkeypatch, **WRITTEN | {"DB_HOST": "there"})
    export(monkeypatch, DB_SSL_MODE="", DB_PORT="", DB_POOLER="", DB_REPLICA_HOST="")
    loaded = load_in(root)
    assert (loaded.db_host, loaded.db_port, loaded.db_ssl_mode) == ("there", 5432, None)
    assert not loaded.db_pooler
    assert loaded.db_replica_host is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://a.com,https://b.com", ["https://a.com", "https://b.com"]),
        (" https://a.com , https://b.com, ", ["https://a.com", "https://b.com"]),
        ('["https://a.com", "https://b.com"]', ["https://a.com", "https://b.com"]),
        ("https://a.com", ["https://a.com"]),
        ("[]", []),
        ("", ["default"]),
    ],
)
def test_a_list_is_read_as_people_write_it(
    monkeypatch: pytest.MonkeyPatch, written: str, expected: list[str]
) -> None:
    class Lists(EnvironmentSettings):
        cors_origins: StringList = ["default"]  # noqa: RUF012

    monkeypatch.setenv("CORS_ORIGINS", written)
    assert load(Lists).cors_origins == expected


@pytest.mark.parametrize("written", ["[https://a.com]", '["https://a.com"', "[1, 2]"])
def test_a_broken_json_list_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    class Lists(EnvironmentSettings):
        cors_origins: StringList = []  # noqa: RUF012

    monkeypatch.setenv("CORS_ORIGINS", written)
    with pytest.raises(SystemExit, match=r"^CORS_ORIGINS: ") as refusal:
        load(Lists)
    assert "a.com" not in str(refusal.value)


def test_a_plain_list_that_is_no_json_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lists(EnvironmentSettings):
        ports: list[int] = []  # noqa: RUF012

    monkeypatch.setenv("PORTS", "1,2")
    with pytest.raises(SystemExit, match=r"ports.*JSON"):
        load(Lists)


def test_a_file_that_is_not_utf_8_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".env").write_bytes("DB_PASSWORD='müller'".encode("latin-1"))
    with pytest.raises(SystemExit, match=r"[.]env is not UTF-8"):
        load_in(root)
    monkeypatch.setenv("ENV_FILE", str(root / ".env"))
    with pytest.raises(SystemExit, match="not UTF-8"):
        load_in(root)


def test_a_file_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("app.kit.ops.environment.dotenv_values", refuse)
    with pytest.raises(SystemExit, match=r"[.]env cannot be read: Permission denied[.]"):
        load_in(root)


def test_an_env_file_with_a_mark_at_its_beginning_is_read(root: Path) -> None:
    env_file = root / ".env"
    env_file.write_text(env_file.read_text(), "utf-8-sig")
    (root / ".postgres" / "env").unlink()
    assert load_in(root).db_host == "localhost"


@pytest.mark.parametrize("name", ["ENV_FILE", "SECRETS_DIR"])
def test_a_named_file_or_folder_must_exist(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(root / "nowhere"))
    with pytest.raises(SystemExit, match=f"{name} is .*nowhere, and there is no such"):
        load_in(root)


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
def test_reading_env_takes_it_from_other_users(root: Path) -> None:
    (root / ".env").chmod(0o644)
    names_another_server(root / ".env")  # what the tests read of it
    assert (root / ".env").stat().st_mode & 0o777 == 0o600


def test_libpq_variables_are_forgotten_where_poe_dev_has_the_database(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(monkeypatch, PGSSLMODE="require", PGSERVICE="prod", PGHOSTADDR="192.0.2.1")
    load_in(root)
    assert not [name for name in os.environ if name.startswith("PG")]


@pytest.fixture
def mounted(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = root / "secrets"
    folder.mkdir()
    (root / ".env").unlink()
    (root / ".postgres" / "env").unlink()
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    for name, value in WRITTEN.items():
        (folder / name.lower()).write_text(f"{value}\n")
    return folder


def test_each_setting_can_be_a_mounted_file(
    root: Path, mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(monkeypatch, DB_PASSWORD="", DB_NAME="other")
    loaded = load_in(root)
    assert loaded.db_password.get_secret_value() == "secret"
    assert (loaded.db_host, loaded.db_name) == ("localhost", "other")


def test_a_mounted_password_is_read_again_for_each_connection(root: Path, mounted: Path) -> None:
    loaded = load_in(root)
    (mounted / "db_password").write_text("rotated\n")
    assert loaded.mounted_password() == "rotated"
    (mounted / "db_password").unlink()
    assert loaded.mounted_password() is None


def test_the_password_of_the_environment_is_not_replaced_by_a_mounted_one(
    root: Path, mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "own")
    loaded = load_in(root)
    assert loaded.db_password == SecretStr("own")
    assert loaded.mounted_password() is None
