"""`poe dev`: a PostgreSQL, the role and the database of `.env`, the migrations, the server."""

import argparse
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from scripts import postgres

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".postgres"


def ensure_env_file() -> None:
    """A fresh clone has no `.env`, for it holds a password: make one from `.env.example`."""
    env_file = ROOT / ".env"
    if not env_file.exists():
        example = (ROOT / ".env.example").read_text("utf-8")
        filled = example.replace("DB_PASSWORD=''", f"DB_PASSWORD='{secrets.token_hex(24)}'")
        env_file.touch(mode=0o600)
        env_file.write_text(filled, "utf-8")
        print("There was no .env: made one from .env.example, with a password of its own.")
    env_file.chmod(0o600)


def serve(port: int) -> int:
    # Imported late: the settings read `.env` and the environment once, when they are imported.
    from app.settings import settings

    db_port = settings.db_port
    if not postgres.is_free(db_port):
        db_port = postgres.free_port()
        print(f"Port {settings.db_port} is taken: PostgreSQL listens on {db_port} meanwhile.")
    password = settings.db_password.get_secret_value()
    with postgres.running(FOLDER, db_port) as superuser:
        postgres.ensure_role(superuser, settings.db_username, password)
        postgres.ensure_database(superuser, settings.db_name, settings.db_username)
        where = {"DB_HOST": postgres.HOST, "DB_PORT": str(db_port)}
        env_file = FOLDER / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in where.items()))
        try:
            environment = os.environ | where
            python = [sys.executable, "-m"]
            migrated = subprocess.run([*python, "alembic", "upgrade", "head"], env=environment)
            if migrated.returncode:
                return migrated.returncode
            server = [*python, "fastapi", "dev", "--reload-dir", "app", "--port", str(port)]
            return subprocess.run(server, env=environment).returncode
        finally:
            env_file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="poe dev", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    ensure_env_file()
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(FOLDER / "lock", timeout=0):
            if not postgres.is_free(port):
                sys.exit(
                    f"Port {port} is taken: stop what listens there, or `poe dev --port 8001`."
                )
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            sys.exit(serve(port))
    except Timeout:
        sys.exit("`poe dev` is running here already: stop that one first.")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
