"""What the environment may decide. The process environment wins over `.env`."""

import os
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


def env_files() -> tuple[Path, ...]:
    """`.env`, or ENV_FILE; and over it where `poe dev`, while it runs, has its PostgreSQL."""
    if named := os.environ.get("ENV_FILE"):
        return (Path(named),)
    if "DB_HOST" in os.environ:
        return (ROOT / ".env",)
    return (ROOT / ".env", ROOT / ".postgres" / "env")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=env_files(),
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    db_host: str = "localhost"
    db_port: int = Field(default=5432, ge=1, le=65535)
    db_name: str
    db_username: str
    db_password: SecretStr = Field(min_length=1)
    db_ssl_mode: SslMode | None = Field(default=None, description="Both drivers prefer TLS")
    db_pooler: bool = Field(default=False, description="DB_HOST is PgBouncer, in transaction mode")
    db_direct_host: str | None = Field(default=None, description="For migrations past the pooler")
    db_direct_port: int | None = Field(default=None, ge=1, le=65535)
    db_replica_host: str | None = Field(default=None, description="For sessions that only read")
    db_replica_port: int | None = Field(default=None, ge=1, le=65535)
    db_pool_size: int = Field(
        default=10, ge=1, description="Connections of each engine, in each worker"
    )
    db_pool_recycle: int = Field(default=300, ge=1, description="Seconds a connection is kept")
    db_connect_timeout: int = Field(default=2, ge=1, description="Seconds")
    db_statement_timeout: int = Field(default=3, ge=1, description="Seconds")
    db_lock_timeout: int = Field(default=2, ge=1, description="Seconds")
    db_idle_transaction_timeout: int = Field(default=10, ge=1, description="Seconds")

    cors_origins: list[str] = []
    request_timeout: float = Field(default=4, gt=0, description="Seconds to begin an answer")
    max_body_size: int = Field(default=1024 * 1024, ge=1, description="Bytes")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False
    timing: bool = Field(default=False, description="Answer with a Server-Timing header")

    @model_validator(mode="after")
    def leave_time_to_connect(self) -> Self:
        if self.request_timeout <= self.db_connect_timeout:
            raise PydanticCustomError("time", "REQUEST_TIMEOUT must exceed DB_CONNECT_TIMEOUT")
        return self


def load() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            "".join(f"{part}: ".upper() for part in each["loc"]) + f"{each['msg']}."
            for each in error.errors()
        ]
        raise SystemExit("\n".join([*wrong, "Set it in the environment or in .env."])) from None


settings = load()
