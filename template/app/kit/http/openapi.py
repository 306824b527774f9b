"""The OpenAPI document: what FastAPI leaves out, what does not apply, what a 405 takes from it."""

from typing import Any

from fastapi import FastAPI, Request, Response, status
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.kit.http.decimals import describe_decimals
from app.kit.http.problems import problem, schemas
from app.kit.http.route_index import path_template


def operation_id(route: APIRoute) -> str:
    """The endpoint's own name, so that generated clients read like the code."""
    return route.name


def handle_wrong_method(request: Request, error: HTTPException) -> Response:
    """A route names its own methods; the document has those of every route of the path."""
    methods = {method for method in (error.headers or {}).get("Allow", "").split(", ") if method}
    operations = request.app.openapi()["paths"].get(path_template(request.scope), {})
    allowed = ", ".join(sorted(methods | {method.upper() for method in operations}))
    detail = f"Only these methods are possible here: {allowed}."
    return problem(error.status_code, detail, headers={"Allow": allowed})


def leave_out_impossible(operation: dict[str, Any]) -> None:
    """Without a body nothing is wrong with it, and without a parameter nothing is invalid."""
    if "requestBody" not in operation:
        never = ["408", "415"] if "parameters" in operation else ["408", "415", "422"]
        for code in never:
            operation["responses"].pop(code, None)


def adjust_openapi(app: FastAPI) -> None:
    describe_decimals()
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas())
            for operations in document["paths"].values():
                for operation in operations.values():
                    leave_out_impossible(operation)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]
    app.exception_handler(status.HTTP_405_METHOD_NOT_ALLOWED)(handle_wrong_method)
