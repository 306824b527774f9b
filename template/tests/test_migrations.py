import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError


def check(alembic_config: Config) -> None:
    try:
        command.check(alembic_config)
    except CommandError as error:
        pytest.fail(f"{error}\nWrite it: uv run poe revision -m 'what changed'", pytrace=False)


def test_the_models_and_the_migrations_agree(alembic_config: Config) -> None:
    check(alembic_config)


def test_there_is_one_head(alembic_config: Config) -> None:
    assert len(ScriptDirectory.from_config(alembic_config).get_heads()) == 1


def test_every_revision_goes_up_down_and_up_again(alembic_config: Config) -> None:
    command.downgrade(alembic_config, "base")
    revisions = list(ScriptDirectory.from_config(alembic_config).walk_revisions())
    for revision in reversed(revisions):
        command.upgrade(alembic_config, revision.revision)
        command.downgrade(alembic_config, "-1")
        command.upgrade(alembic_config, revision.revision)
    check(alembic_config)
