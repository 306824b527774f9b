"""`poe shell`: Python with every model, `SessionLocal` and what else a query needs."""

import code
from contextlib import suppress
from typing import Any

from sqlalchemy import func, select


def names() -> dict[str, Any]:
    import app.routes  # noqa: F401 - imports every model there is
    from app import database
    from app.settings import settings

    models = {mapper.class_.__name__: mapper.class_ for mapper in database.Base.registry.mappers}
    given = ("SessionLocal", "AsyncSessionLocal", "engine", "read", "read_rows", "write")
    others = {"func": func, "select": select, "settings": settings}
    return models | others | {name: getattr(database, name) for name in given}


def complete(known: dict[str, Any]) -> None:
    """By the tab key, where this Python can."""
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(known).complete)
        readline.parse_and_bind("tab: complete")


def main() -> None:
    known = names()
    complete(known)
    banner = f"{', '.join(sorted(known))}\nwith SessionLocal.begin() as session: ..."
    code.interact(banner, local=known, exitmsg="")


if __name__ == "__main__":
    main()
