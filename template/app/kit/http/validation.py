"""How many errors of one request are described."""

from inspect import signature
from typing import Any

from pydantic import ValidationError

try:
    from fastapi._compat import ModelField
except ImportError:  # it is FastAPI's own, and may go without a word
    ModelField = None  # type: ignore[assignment, misc]

# Each costs about 10 µs, during which the event loop answers nobody else.
MOST_DESCRIBED = 1_000
PARAMETERS = ["self", "value", "values", "loc"]

validate_as_fastapi: Any = getattr(ModelField, "validate", None)


def validate(
    self: Any, value: Any, values: Any = None, *, loc: tuple[int | str, ...] = ()
) -> tuple[Any, list[dict[str, Any]]]:
    adapter = getattr(self, "_type_adapter", None)
    if adapter is None or getattr(self, "mode", None) != "validation":
        found: tuple[Any, list[dict[str, Any]]] = validate_as_fastapi(self, value, values, loc=loc)
        return found
    try:
        return adapter.validate_python(value, from_attributes=True), []
    except ValidationError as error:
        if (count := error.error_count()) > MOST_DESCRIBED:
            detail = f"This has {count} errors, which are too many to be described."
            return None, [{"type": "too_many_errors", "loc": loc, "msg": detail, "input": None}]
        described = error.errors(include_url=False)
        return None, [{**wrong, "loc": (*loc, *wrong["loc"])} for wrong in described]


def describe_few_errors() -> None:
    """In place of FastAPI's own, which describes all of them before anybody can count them.

    A body of 40 kB can have a hundred thousand. There is no public way. A FastAPI that has changed
    keeps its own, and the test of a thousand errors fails.
    """
    if validate_as_fastapi and [*signature(validate_as_fastapi).parameters] == PARAMETERS:
        ModelField.validate = validate  # type: ignore[method-assign]
