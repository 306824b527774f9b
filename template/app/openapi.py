"""The OpenAPI document: what it leaves out, and what a 405 takes from it."""

from typing import Any

from fastapi import FastAPI, Request, Response, status
from starlette.exceptions import HTTPException

from app.errors import problem
from app.middleware import path_template


def handle_wrong_method(request: Request, error: HTTPException) -> Response:
    """A route names its own methods; the document has those of every route of the path."""
    methods = {method for method in (error.headers or {}).get("Allow", "").split(", ") if method}
    operations = request.app.openapi()["paths"].get(path_template(request.scope), {})
    allowed = ", ".join(sorted(methods | {method.upper() for method in operations}))
    detail = f"Only these methods are possible here: {allowed}."
    return problem(error.status_code, detail, headers={"Allow": allowed})


def adjust_openapi(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        """Without a body nothing is wrong with it, and without a parameter nothing is invalid."""
        document = generate()
        for operations in document["paths"].values():
            for operation in operations.values():
                if "requestBody" not in operation:
                    never = ["400", "415"] if "parameters" in operation else ["400", "415", "422"]
                    for code in never:
                        operation["responses"].pop(code, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
    app.exception_handler(status.HTTP_405_METHOD_NOT_ALLOWED)(handle_wrong_method)
