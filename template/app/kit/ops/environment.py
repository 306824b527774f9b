"""Where settings come from, and what is said of a wrong one."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

from dotenv import dotenv_values
from pydantic import BeforeValidator, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

Loaded = TypeVar("Loaded", bound=BaseSettings)
# Also with the mark that some editors of Windows begin a file with.
ENCODING = "utf-8-sig"


def split_list(value: Any) -> Any:
    """`a,b`, and JSON where it begins like a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


StringList = Annotated[list[str], NoDecode, BeforeValidator(split_list)]


def make_private(env_file: Path) -> None:
    """It holds a password, and whatever wrote it gave every user the right to read it."""
    if os.name == "posix" and env_file.is_file() and env_file.stat().st_mode & 0o007:
        with suppress(OSError):  # another user's: `poe doctor` says it
            env_file.chmod(0o600)


def read_env_file(path: Path) -> dict[str, str | None]:
    make_private(path)
    try:
        return dotenv_values(path, encoding=ENCODING)
    except UnicodeDecodeError:
        raise SystemExit(f"{path} is not UTF-8: save it in this encoding.") from None
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}.") from None


def own_variables(env_file: Path) -> set[str]:
    """Of the process environment: what does more than to repeat `.env`.

    Editors, direnv and `UV_ENV_FILE` export the whole of it.
    """
    written = read_env_file(env_file)
    return {name for name, value in os.environ.items() if value and value != written.get(name)}


def names_another_server(env_file: Path) -> bool:
    """Whether the process environment says where the database is, and not only what `.env` says."""
    own = own_variables(env_file)
    account = own & {"DB_USERNAME", "DB_PASSWORD"}
    return bool(own & {"DB_HOST", "DB_PORT"} or (account and os.environ.get("DB_HOST")))


def forget_libpq_variables() -> None:
    """PGHOSTADDR, PGSERVICE and others are about another server than the one of `poe dev`."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def env_files(root: Path) -> tuple[Path, ...]:
    """`.env`, or ENV_FILE; and over it where `poe dev`, while it runs, has its database."""
    if named := os.environ.get("ENV_FILE"):
        if not Path(named).exists():
            raise SystemExit(f"ENV_FILE is {named}, and there is no such file.")
        return (Path(named),)
    env_file, development = root / ".env", root / ".postgres" / "env"
    if names_another_server(env_file):
        return (env_file,)
    if development.exists():
        forget_libpq_variables()
    return (env_file, development)


def secrets_folder() -> Path | None:
    """Each setting can be a file in it, which is named like the setting."""
    named = os.environ.get("SECRETS_DIR")
    folder = Path(named or "/run/secrets")
    if named and not folder.exists():
        raise SystemExit(f"SECRETS_DIR is {named}, and there is no such folder.")
    return folder if folder.is_dir() else None


def secret_file(name: str) -> Path | None:
    folder = secrets_folder()
    return folder and SecretsSettingsSource.find_case_path(folder, name, case_sensitive=False)


class EnvironmentSettings(BaseSettings):
    """From the process environment; below it from mounted secrets; below them from `.env`.

    What is empty is not set, and an empty variable of the process hides that of `.env`.
    """

    model_config = SettingsConfigDict(
        env_file_encoding=ENCODING, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        repeated = repeated_variables(settings_cls)
        return (
            init_settings,
            variables(settings_cls, lambda item: item[1] != "" and item not in repeated),
            SecretsSettingsSource(settings_cls, secrets_folder()),
            variables(settings_cls, lambda item: item[1] == ""),
            dotenv_settings,
        )

    @model_validator(mode="before")
    @classmethod
    def leave_out_empty(cls, values: Any) -> Any:
        return {name: value for name, value in values.items() if value != ""}


def repeated_variables(settings: type[BaseSettings]) -> set[tuple[str, str | None]]:
    """Of the process environment: what only repeats `.env`, and `poe dev` has another value for."""
    files = settings.model_config.get("env_file")
    if not isinstance(files, tuple) or len(files) < 2:
        return set()
    env_file, development = (read_env_file(Path(path)) for path in files)
    return {(name.lower(), env_file[name]) for name in env_file.keys() & development.keys()}


def variables(
    settings: type[BaseSettings], keep: Callable[[tuple[str, str | None]], bool]
) -> EnvSettingsSource:
    source = EnvSettingsSource(settings)
    source.env_vars = dict(filter(keep, source.env_vars.items()))
    return source


def hide_unreachable_home() -> None:
    """Where HOME is another user's, libpq ignores it, and asyncpg fails to look for a key in it."""
    if not os.access(os.path.expanduser("~"), os.X_OK):
        os.environ["HOME"] = os.devnull


def load(settings: type[Loaded]) -> Loaded:
    """Exit with one sentence for each wrong setting, which does not repeat its value."""
    hide_unreachable_home()
    try:
        return settings()
    except ValidationError as error:
        wrong = [
            "".join(f"{part}: ".upper() for part in problem["loc"]) + f"{problem['msg']}."
            for problem in error.errors()
        ]
    except UnicodeDecodeError:
        wrong = ["A file of settings is not UTF-8: save .env, ENV_FILE, each secret as UTF-8."]
    except OSError as error:
        wrong = [f"{error.filename} cannot be read: {error.strerror}."]
    except SettingsError as error:  # a list that is not a StringList
        wrong = [f"{error}: it must be JSON."]
    raise SystemExit("\n".join([*wrong, "Set it in the environment or in .env."]))
