"""What the OpenAPI document says of a plain `Decimal` in a request."""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DecimalSchema

generate = GenerateJsonSchema.decimal_schema


def digits(schema: DecimalSchema) -> tuple[int | None, int | None]:
    """How many may stand before the point and after it. None is any number."""
    most, places = schema.get("max_digits"), schema.get("decimal_places")
    if most is None:
        return None, places
    return max(most - (places or 0), 0), places or 0


def repeated(most: int | None) -> str:
    """Without doubled braces, which Copier would take for its own."""
    return "[0-9]" + ("+" if most is None else "{1," + str(most) + "}")


def pattern(whole: int | None, places: int | None, sign: str) -> str:
    """Not all that pydantic takes (exponents, spaces, "1."), but nothing that it refuses."""
    after = "" if places == 0 else rf"\.{repeated(places)}"
    if whole == 0:
        return f"^{sign}0{after}$"
    optional = f"({after})?" if after else ""
    return f"^{sign}{repeated(whole)}{optional}$"


def decimal_schema(self: GenerateJsonSchema, schema: DecimalSchema) -> JsonSchemaValue:
    """Pydantic's own has any string, "" too, and numbers of any length."""
    generated = generate(self, schema)
    if self.mode == "serialization":
        return generated
    number, text = generated["anyOf"]
    whole, places = digits(schema)
    if whole is not None:
        number.setdefault("exclusiveMaximum", 10**whole)
        number.setdefault("exclusiveMinimum", -(10**whole))
    if places is not None:
        number.setdefault("multipleOf", float(f"1e-{places}"))
    text["pattern"] = pattern(whole, places, sign="" if "ge" in schema else "-?")
    # A pattern holds a string to a sign, but to no other limit: then only numbers are documented.
    if {"gt", "lt", "le", "multiple_of"} & schema.keys() or schema.get("ge", 0) != 0:
        generated["anyOf"].remove(text)
    elif whole == 0:  # pydantic refuses the number 0
        generated["anyOf"].remove(number)
    return generated


def describe_decimals() -> None:
    # FastAPI has no setting for the class that writes its schemas.
    GenerateJsonSchema.decimal_schema = decimal_schema  # type: ignore[method-assign]
