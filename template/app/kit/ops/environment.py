"""Where settings come from, and what is said of a wrong one."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

Loaded = TypeVar("Loaded", bound=BaseSettings)


def env_files(root: Path) -> tuple[Path, ...]:
    """`.env`, or ENV_FILE; and over it where `poe dev`, while it runs, has its database."""
    if named := os.environ.get("ENV_FILE"):
        return (Path(named),)
    if "DB_HOST" in os.environ:
        return (root / ".env",)
    return (root / ".env", root / ".postgres" / "env")


def load(settings: type[Loaded]) -> Loaded:
    """Exit with one sentence for each wrong setting, which does not repeat its value."""
    try:
        return settings()
    except ValidationError as error:
        wrong = [
            "".join(f"{part}: ".upper() for part in problem["loc"]) + f"{problem['msg']}."
            for problem in error.errors()
        ]
        raise SystemExit("\n".join([*wrong, "Set it in the environment or in .env."])) from None
