"""Amounts of money: one string in JSON, one NUMERIC in the database, nothing rounded on the way."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeGuard

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from sqlalchemy import Numeric, TypeDecorator
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

WHOLE_DIGITS, PLACES = 10, 2
LIMIT, CENT = Decimal(10) ** WHOLE_DIGITS, Decimal(10) ** -PLACES
# Without doubled braces, which Copier would take for its own.
WHOLE, AFTER = "{0," + str(WHOLE_DIGITS - 1) + "}", "{1," + str(PLACES) + "}"
DIGITS = rf"(0|[1-9][0-9]{WHOLE})(\.[0-9]{AFTER})?"


def is_amount(value: object) -> TypeGuard[Decimal]:
    """Neither NaN nor infinite, and nothing of it would be rounded."""
    return (
        isinstance(value, Decimal)
        and value.is_finite()
        and abs(value) < LIMIT
        and value == value.quantize(CENT)
    )


class Amount(TypeDecorator[Decimal]):
    """PostgreSQL rounds what has too many decimals, and stores NaN: both are refused."""

    impl = Numeric(WHOLE_DIGITS + PLACES, PLACES)
    cache_ok = True

    def process_bind_param(self, value: object, _: object) -> Decimal | None:
        if value is None or is_amount(value):
            return value
        raise TypeError(f"An amount is a Decimal below {LIMIT}: round it to {CENT} where you want.")

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> TypeEngine[Any]:
        # asyncpg casts to this type: with two decimals it would compare with a rounded value.
        return Numeric().coerce_compared_value(op, value)


@dataclass(frozen=True)
class AmountText:
    """A string, because most clients read a JSON number as a float, and a pattern describes it."""

    pattern: str
    rule: str

    def parse(self, value: object) -> Decimal:
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            value = Decimal(value)
        if is_amount(value):
            amount = value.quantize(CENT) + 0  # -0.00 would be read back as 0.00
            if re.fullmatch(self.pattern, str(amount)):
                return amount
        raise ValueError(self.rule)

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": self.pattern, "examples": ["9.90"]}


LENGTH = f"at most {WHOLE_DIGITS} digits before the point and {PLACES} after it"
Money = Annotated[
    Decimal, AmountText(f"^-?{DIGITS}$", f'This must be a string such as "-9.90": {LENGTH}')
]
Price = Annotated[
    Decimal, AmountText(f"^{DIGITS}$", f'This must be a string such as "9.90": {LENGTH}')
]
