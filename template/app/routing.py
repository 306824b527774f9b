"""Which route answers a request, found by the literal beginning of its path.

FastAPI asks one route after the other, and looks through a router that includes another twice.
"""

from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.params import Form
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send


def split(path: str) -> tuple[str, ...]:
    """`/users/{user_id}/groups` begins with `/users`."""
    literal, parameter, _ = path.partition("{")
    parts = tuple(literal.split("/"))
    return parts[:-1] if parameter else parts


def is_indexed(route: RouteContext) -> bool:
    """A router's limits for forms come from the routers that include it: leave those alone."""
    if not isinstance(route.original_route, APIRoute):
        return False
    return not (route.body_field and isinstance(route.body_field.field_info, Form))


class RouteIndex(BaseRoute):
    """First of the routes: answers what one of them would have, and passes on all else."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        contexts = [(split(each.path or ""), each) for each in iter_route_contexts(routes)]
        # All that could match, in their order: the first that does is the one that answers.
        self.candidates = {
            key: [each for start, each in contexts if key[: len(start)] == start]
            for key, _ in contexts
        }
        self.longest = max(map(len, self.candidates))
        self.path_format: str | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            for route in self.find(scope):
                match, child_scope = route.matches(scope)
                if match == Match.FULL:
                    if not is_indexed(route):
                        break
                    # Telemetry reads it from what matched, in this same step.
                    self.path_format = route.path_format
                    return match, child_scope | {"route": route}
        return Match.NONE, {}

    def find(self, scope: Scope) -> list[RouteContext]:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        parts = tuple(path.split("/", self.longest))
        for length in range(self.longest, 0, -1):
            if found := self.candidates.get(parts[:length]):
                return found
        return []

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        raise NoMatchFound(name, path_params)


def index_routes(app: FastAPI) -> None:
    app.router.routes.insert(0, RouteIndex(app.router.routes))
