"""DB_*: where the database is, and how long to wait for it."""

from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


class DatabaseSettings(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

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
    db_application_name: str = Field(default="", description="What the database calls the service")
    db_pool_size: int = Field(
        default=10, ge=1, description="Connections of each engine, in each worker"
    )
    db_pool_recycle: int = Field(default=300, ge=1, description="Seconds a connection is kept")
    db_connect_timeout: int = Field(default=2, ge=1, description="Seconds")
    db_statement_timeout: int = Field(default=3, ge=1, description="Seconds")
    db_lock_timeout: int = Field(default=2, ge=1, description="Seconds")
    db_idle_transaction_timeout: int = Field(default=10, ge=1, description="Seconds")

    def pool_options(self, pool_size: int | None = None) -> dict[str, Any]:
        """What every engine is created with."""
        return {
            "pool_size": pool_size or self.db_pool_size,
            "max_overflow": 0,
            "pool_timeout": self.db_connect_timeout,
            "pool_recycle": self.db_pool_recycle,
            # A statement's parameters are people's data: they belong in no log.
            "hide_parameters": True,
        }
