"""`poe env`: a fresh clone has no `.env`, for it holds a password: make one from `.env.example`."""

import secrets
from pathlib import Path

from app.kit.ops.environment import make_private

ROOT = Path(__file__).parents[1]
ENV_FILE = ROOT / ".env"


def main() -> None:
    if not ENV_FILE.exists():
        example = (ROOT / ".env.example").read_text("utf-8")
        ENV_FILE.touch(mode=0o600)
        password = f"DB_PASSWORD='{secrets.token_hex(24)}'"
        ENV_FILE.write_text(example.replace("DB_PASSWORD=''", password), "utf-8")
        print("There was no .env: made one from .env.example, with a password of its own.")
    make_private(ENV_FILE)


if __name__ == "__main__":
    main()
