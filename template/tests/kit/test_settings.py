"""What the environment may decide, and what is said of a wrong value."""

import pytest

from app.database import SQLALCHEMY_DATABASE_URL, async_engine, engine
from app.kit.ops.environment import load
from app.settings import Settings, settings
from scripts import postgres


def test_the_password_is_in_no_representation() -> None:
    password = settings.db_password.get_secret_value()
    shown = f"{settings!r} {engine!r} {async_engine!r} {SQLALCHEMY_DATABASE_URL}"
    assert password not in shown


def test_the_postgresql_of_development_is_asked_whatever_else_env_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"DB_POOLER": "true", "DB_REPLICA_HOST": "there", "DB_SSL_MODE": "require"}
    direct = {"DB_DIRECT_HOST": "there", "DB_DIRECT_PORT": "1"}
    here = postgres.environment(SQLALCHEMY_DATABASE_URL.set(port=2))
    for name, value in {**there, **direct, **here}.items():
        monkeypatch.setenv(name, value)
    loaded = load(Settings)
    assert (loaded.db_port, loaded.db_direct_port) == (2, 2)
    assert loaded.db_host == loaded.db_direct_host == postgres.HOST
    assert not loaded.db_pooler
    assert not loaded.db_replica_host
    assert loaded.db_ssl_mode == "disable"


def test_a_wrong_setting_is_named_in_a_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_PORT", "correct-horse")
    monkeypatch.setenv("DB_PASSWORD", "")
    with pytest.raises(SystemExit) as refusal:
        load(Settings)
    message = str(refusal.value)
    assert "DB_PORT: Input should be a valid integer" in message
    assert "DB_PASSWORD: " in message
    assert "correct-horse" not in message


def test_production_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG_JSON", "TIMING", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    loaded = load(Settings)
    assert loaded.log_json
    assert not loaded.timing
    assert loaded.log_level == "INFO"


@pytest.mark.parametrize("wrong", ["abc", "0", "1.5"])
def test_a_wrong_number_of_workers_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", wrong)
    with pytest.raises(SystemExit, match="WEB_CONCURRENCY: Input should be"):
        load(Settings)


def test_a_request_must_have_more_time_than_connecting_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUEST_TIMEOUT", "2")
    with pytest.raises(SystemExit, match="REQUEST_TIMEOUT must exceed DB_CONNECT_TIMEOUT"):
        load(Settings)
