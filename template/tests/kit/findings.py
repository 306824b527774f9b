"""The settings of a deployment in which `poe doctor` finds nothing, and what it finds in others."""

import secrets
from collections.abc import Iterator

from pydantic import SecretStr

from app.kit.db.checks import Finding
from app.settings import settings

production = settings.model_copy(
    update={"db_password": SecretStr(secrets.token_hex(24)), "log_level": "INFO", "timing": False}
)


def check(findings: Iterator[Finding] | list[Finding], *expected: tuple[str, str]) -> None:
    """Each is of this level and contains these words, in this order."""
    found = list(findings)
    assert len(found) == len(expected), found
    for finding, (level, words) in zip(found, expected, strict=True):
        assert finding.level == level
        assert words in finding.sentence
