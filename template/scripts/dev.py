"""`poe dev`: a PostgreSQL, the role and the database of `.env`, the migrations, the server."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from filelock import FileLock, Timeout

from scripts import env, postgres

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".postgres"
# The last one is a closed terminal's; Windows has none.
SIGNALS = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """Yield the environment in which `app` finds the database of `.env`, on a server of our own."""
    # Imported late: the settings are read once, when they are imported.
    from app.settings import settings

    with postgres.running(FOLDER, settings.db_port) as superuser:
        if superuser.port != settings.db_port:
            print(f"Port {settings.db_port} is taken: PostgreSQL is on {superuser.port} meanwhile.")
        password = settings.db_password.get_secret_value()
        postgres.ensure_role(superuser, settings.db_username, password)
        postgres.ensure_database(superuser, settings.db_name, settings.db_username)
        yield os.environ | postgres.environment(superuser)


def run(environment: dict[str, str], *module: str) -> int:
    with subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The signal may have reached this process alone.
            process.terminate()
            process.wait()
            raise


def interrupt_once(*_: object) -> NoReturn:
    """A second Ctrl-C must not interrupt the cleaning up after the first."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="poe dev", description=__doc__)
    parser.add_argument("--port", type=int, choices=range(1, 65536), default=8000, metavar="PORT")
    port = parser.parse_args().port
    if not postgres.is_free(port):
        sys.exit(f"Port {port} is taken: stop what listens there, or `poe dev --port 8001`.")
    for number in SIGNALS:
        signal.signal(number, interrupt_once)
    env.main()
    with database() as environment:
        if failed := run(environment, "alembic", "upgrade", "head"):
            return failed
        print(f"http://localhost:{port}/docs", flush=True)
        reload = ("--reload", "--reload-dir", "app", "--http", "app.kit.http.protocol:Limited")
        # What `fastapi dev` starts too, half a second later.
        return run(environment, "uvicorn", "app.main:app", *reload, "--port", str(port))


if __name__ == "__main__":
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(FOLDER / "lock", timeout=0):
            sys.exit(main())
    except Timeout:
        sys.exit("`poe dev` is running here already: stop that one first.")
    except KeyboardInterrupt:
        pass
