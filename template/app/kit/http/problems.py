"""Problem details (RFC 9457): what every error is answered with, and how it is documented."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import status
from fastapi.responses import JSONResponse
from pydantic import MISSING, BaseModel

MEDIA_TYPE = "application/problem+json"
REFERENCE = "#/components/schemas/{model}"


class FieldError(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | MISSING = MISSING


def phrase(code: int) -> str:
    # Python 3.11 and 3.12 have older names for these two.
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(
        code, HTTPStatus(code).phrase
    )


def problem(
    code: int,
    detail: str,
    *,
    errors: list[FieldError] | MISSING = MISSING,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(title=phrase(code), status=code, detail=detail, errors=errors)
    if code == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1", **(headers or {})}
    return JSONResponse(body.model_dump(mode="json"), code, headers, MEDIA_TYPE)


def documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that can answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
    return {code: {"description": phrase(code), "content": content} for code in codes}


def schemas() -> dict[str, Any]:
    """The components that `documented` refers to."""
    problem = Problem.model_json_schema(ref_template=REFERENCE)
    return {**problem.pop("$defs"), Problem.__name__: problem}
