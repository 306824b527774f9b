"""How many errors of one request are described."""

from typing import Any

from fastapi._compat import ModelField
from pydantic import ValidationError

# Each costs about 10 µs, during which the event loop answers nobody else.
MOST_DESCRIBED = 1_000

validate_as_fastapi = ModelField.validate


def validate(
    self: ModelField, value: Any, values: Any = None, *, loc: tuple[int | str, ...] = ()
) -> tuple[Any, list[dict[str, Any]]]:
    if self.mode != "validation":
        return validate_as_fastapi(self, value, loc=loc)
    try:
        return self._type_adapter.validate_python(value, from_attributes=True), []
    except ValidationError as error:
        if (count := error.error_count()) > MOST_DESCRIBED:
            detail = f"This has {count} errors, which are too many to be described."
            return None, [{"type": "too_many_errors", "loc": loc, "msg": detail, "input": None}]
        described = error.errors(include_url=False)
        return None, [{**wrong, "loc": (*loc, *wrong["loc"])} for wrong in described]


def describe_few_errors() -> None:
    """In place of FastAPI's own, which describes all of them before anybody can count them.

    A body of 40 kB can have a hundred thousand.
    """
    ModelField.validate = validate  # type: ignore[method-assign]
