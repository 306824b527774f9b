"""Which route answers a request, found by the literal beginning of its path.

FastAPI asks one route after the other, and looks through a router that includes another twice.
"""

from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.params import Form
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send


def path_template(scope: Scope) -> str:
    """`/api/v1/users/{user_id}`, and never what stood in the place of `{user_id}`."""
    # FastAPI keeps a route and the routers that include it apart; here it has put them together.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    route = whole or scope.get("route")
    return str(getattr(route, "path_format", "unmatched"))


def split(path: str) -> tuple[str, ...]:
    """`/users/{user_id}/groups` begins with `/users`."""
    literal, parameter, _ = path.partition("{")
    parts = tuple(literal.split("/"))
    return parts[:-1] if parameter else parts


class Candidate:
    """What a request needs of a route, looked up once."""

    def __init__(self, route: RouteContext) -> None:
        self.route = route
        self.beginning = split(route.path or "")
        self.matches = route.matches
        # A router's limits for forms come from the routers that include it: leave those alone.
        self.is_indexed = isinstance(route.original_route, APIRoute) and not (
            route.body_field and isinstance(route.body_field.field_info, Form)
        )


class RouteIndex(BaseRoute):
    """First of the routes: answers what one of them would have, and passes on all else."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        candidates = [Candidate(route) for route in iter_route_contexts(routes)]
        beginnings = {candidate.beginning for candidate in candidates}
        # All that could match, in their order: the first that does is the one that answers.
        self.candidates = {
            beginning: [
                candidate
                for candidate in candidates
                if beginning[: len(candidate.beginning)] == candidate.beginning
            ]
            for beginning in beginnings
        }
        self.longest = max(map(len, self.candidates))
        self.path_format: str | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            for candidate in self.find(scope):
                match, child_scope = candidate.matches(scope)
                if match == Match.FULL:
                    if not candidate.is_indexed:
                        break
                    # Telemetry reads it from what matched, in this same step.
                    self.path_format = candidate.route.path_format
                    return match, child_scope | {"route": candidate.route}
        return Match.NONE, {}

    def find(self, scope: Scope) -> list[Candidate]:
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
