"""What happens to an override of a dependency that endpoints do not ask for."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

Dependency = Callable[..., Any]


class Overrides(dict[Dependency, Dependency]):
    """`app.dependency_overrides`, which refuses to override a session.

    FastAPI's own would take it, and endpoints that call `write` or `read` would not notice.
    """

    def __init__(self, refused: tuple[Dependency, ...]) -> None:
        super().__init__()
        self.refused = refused

    def __setitem__(self, dependency: Dependency, override: Dependency) -> None:
        if dependency in self.refused:
            raise TypeError(
                f"{dependency.__name__} cannot be overridden: write() and read() open their own"
                " sessions. The tests have a database of their own already; for another one set"
                " DB_HOST, DB_PORT, DB_USERNAME and DB_PASSWORD before pytest starts."
            )
        super().__setitem__(dependency, override)

    def update(self, *others: Any, **_: Any) -> None:
        for other in others:
            for dependency, override in dict(other).items():
                self[dependency] = override


def refuse_overrides(app: FastAPI, *dependencies: Dependency) -> None:
    app.dependency_overrides = Overrides(dependencies)
