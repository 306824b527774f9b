"""What the environment may decide. The process environment wins over `.env`."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from app.kit.db.settings import DatabaseSettings
from app.kit.ops.environment import StringList, env_files, load

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


class Settings(DatabaseSettings):
    model_config = SettingsConfigDict(env_file=env_files(ROOT))

    db_application_name: str = PROJECT["name"]

    cors_origins: StringList = Field(default=[], description="With commas between them")
    request_timeout: float = Field(default=4, gt=0, description="Seconds to begin an answer")
    max_body_size: int = Field(default=1024 * 1024, ge=1, description="Bytes")
    max_body_values: int = Field(default=10_000, ge=1, description="JSON values or form fields")
    body_timeout: float = Field(default=10, gt=0, description="Seconds without more of a body")

    # uvicorn reads it. Here it is to be refused in a sentence by what else reads it.
    web_concurrency: int = Field(default=1, ge=1, description="Workers")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = True
    timing: bool = Field(default=False, description="Answer with a Server-Timing header")

    @model_validator(mode="after")
    def leave_time_to_connect(self) -> Self:
        if self.request_timeout <= self.db_connect_timeout:
            raise PydanticCustomError("time", "REQUEST_TIMEOUT must exceed DB_CONNECT_TIMEOUT")
        return self


settings = load(Settings)
