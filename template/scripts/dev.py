"""`poe dev`: a PostgreSQL, the role and the database of `.env`, the migrations, the server."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout

from app.kit.ops.environment import (
    forget_libpq_variables,
    own_variables,
    read_env_file,
)
from scripts import env, postgres

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".postgres"
# The last one is a closed terminal's; Windows has none.
SIGNALS = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


PARENT = os.getppid()
# In the environment of what a `poe dev` starts: the folder of its database.
MARK = "POE_DEV"
# What production has not. A debugger needs the time.
DEVELOPMENT = {
    "LOG_JSON": "false",
    "TIMING": "true",
    "REQUEST_TIMEOUT": "3600",
    "DB_IDLE_TRANSACTION_TIMEOUT": "3600",
}


def development() -> dict[str, str]:
    """What neither the environment nor `.env` says otherwise."""
    said = os.environ.keys() | read_env_file(ROOT / ".env").keys()
    return {name: value for name, value in DEVELOPMENT.items() if name not in said}


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """Yield the environment in which `app` finds the database of `.env`, on a server of our own."""
    forget_libpq_variables()
    # Imported late: the settings are read once, when they are imported.
    from app.settings import settings

    with postgres.running(FOLDER, settings.db_port) as superuser:
        if superuser.port != settings.db_port:
            print(f"Port {settings.db_port} is taken: PostgreSQL is on {superuser.port}.")
        password = settings.db_password.get_secret_value()
        postgres.ensure_role(superuser, settings.db_username, password)
        postgres.ensure_database(superuser, settings.db_name, settings.db_username)
        yield os.environ | postgres.environment(superuser)


def is_left(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.environ().get(MARK) == str(FOLDER)
    return False


def stop_what_was_left() -> None:
    """By a `poe dev` that was killed: this one has the lock, so no other needs them."""
    left = [process for process in psutil.process_iter() if is_left(process)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    # Else the settings would have the port of a server that has ended.
    (FOLDER / "env").unlink(missing_ok=True)


def run(environment: dict[str, str], *module: str) -> int:
    with subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env=environment) as process:
        try:
            return wait(process)
        except KeyboardInterrupt:
            # The signal may have reached this process alone.
            process.terminate()
            process.wait()
            raise


def wait(process: subprocess.Popen[bytes]) -> int:
    while os.getppid() == PARENT:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(0.5)
    raise KeyboardInterrupt  # uv was killed, which passes on every other signal


def interrupt_once(*_: object) -> NoReturn:
    """A second Ctrl-C must not interrupt the cleaning up after the first."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def serve(environment: dict[str, str], port: int) -> int:
    print(f"http://localhost:{port}/docs", flush=True)
    return run(environment | development(), "scripts.serve", "--port", str(port))


def main() -> int:
    parser = argparse.ArgumentParser(prog="poe dev", description=__doc__)
    parser.add_argument("--port", type=int, choices=range(1, 65536), default=8000, metavar="PORT")
    port = parser.parse_args().port
    stop_what_was_left()
    if not postgres.is_free(port):
        sys.exit(f"Port {port} is taken: stop what listens there, or `poe dev --port 8001`.")
    for number in SIGNALS:
        signal.signal(number, interrupt_once)
    env.main()
    if "DB_HOST" in own_variables(ROOT / ".env"):
        print(f"On {os.environ['DB_HOST']}, as DB_HOST says: `poe migrate` migrates it, not this.")
        return serve({**os.environ, MARK: str(FOLDER)}, port)
    with database() as found:
        environment = {**found, MARK: str(FOLDER)}
        if failed := run(environment | development(), "alembic", "upgrade", "head"):
            return failed
        return serve(environment, port)


if __name__ == "__main__":
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(FOLDER / "lock", timeout=0):
            sys.exit(main())
    except Timeout:
        sys.exit("`poe dev` is running here already: stop that one first.")
    except KeyboardInterrupt:
        pass
