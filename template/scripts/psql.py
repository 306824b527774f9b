"""`poe psql`: psql on the database of `poe dev` while that runs, else on the one of `.env`."""

import os
import shutil
import subprocess
import sys

from scripts import postgres


def program() -> str:
    found = shutil.which("psql") or shutil.which("psql", path=str(postgres.programs()))
    if found is None:
        raise SystemExit("psql is not installed: it comes with PostgreSQL's client.")
    return found


def main() -> int:
    from app.database import DIRECT_DATABASE_URL as URL

    arguments = (f"--host={URL.host}", f"--port={URL.port}", f"--username={URL.username}")
    environment = {"PGPASSWORD": URL.password or ""}
    if mode := URL.query.get("sslmode"):
        environment["PGSSLMODE"] = str(mode)
    command = [program(), *arguments, f"--dbname={URL.database}", *sys.argv[1:]]
    try:
        return subprocess.run(command, env=os.environ | environment, check=False).returncode
    except KeyboardInterrupt:  # psql has had it too, and decides
        return 130


if __name__ == "__main__":
    sys.exit(main())
