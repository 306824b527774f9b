"""Amounts, from JSON into a column, and back through both drivers."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import func, insert, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from app.kit.db.money import Amount, Money, Price
from tests.kit.orders import KEY, Order, drivers, stored, within

MONEY: TypeAdapter[Decimal] = TypeAdapter(Money)
PRICE: TypeAdapter[Decimal] = TypeAdapter(Price)


class OrderCreate(BaseModel):
    total: Money


class OrderRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    total: Money
    fee: Price | None


ACCEPTED = {
    "9.9": "9.90",
    "9.90": "9.90",
    "9": "9.00",
    "0": "0.00",
    "-0": "0.00",
    "-0.00": "0.00",
    "-9.90": "-9.90",
    "9999999999.99": "9999999999.99",
    "-9999999999.99": "-9999999999.99",
}
REFUSED: list[Any] = [
    *("", " ", "9.", ".9", "+9", "09", "9,90", "9.999", "9.990", "10000000000", "9_000", "9e1"),
    *(" 9.90", "9.90\n", "٩", "NaN", "Infinity", "-", "1" * 5000),
    *(9, 9.9, True, None, float("nan"), [], {}),
]


@drivers
@pytest.mark.parametrize(("sent", "answered"), ACCEPTED.items())
async def test_an_amount_is_answered_alike_now_and_later(
    driver: str, sent: str, answered: str
) -> None:
    expected = json.dumps({"total": answered, "fee": None}, separators=(",", ":"))
    order = Order(total=OrderCreate.model_validate({"total": sent}).total)
    assert OrderRead.model_validate(order).model_dump_json() == expected

    def work(session: Session) -> None:
        session.add(order)
        session.flush()
        session.expire_all()
        assert OrderRead.model_validate(order).model_dump_json() == expected

    await within(driver, work)


@pytest.mark.parametrize("sent", REFUSED, ids=lambda sent: repr(sent)[:20])
def test_what_is_no_amount_is_refused_by_one_sentence(sent: object) -> None:
    with pytest.raises(ValidationError) as caught:
        MONEY.validate_python(sent)
    assert [error["msg"] for error in caught.value.errors()] == [
        'Value error, This must be a string such as "-9.90": at most 10 digits before the point'
        " and 2 after it"
    ]


def test_a_price_is_not_negative() -> None:
    assert PRICE.validate_python("0") == 0
    for negative in ("-0", "-0.01", Decimal("-0.01")):
        with pytest.raises(ValidationError):
            PRICE.validate_python(negative)


def test_the_openapi_document_has_one_schema_that_is_neither_wider_nor_narrower() -> None:
    app = FastAPI()

    @app.post("/orders")
    def create(order: OrderCreate, least: Price | None = None) -> OrderCreate:
        return order

    document = app.openapi()
    total = document["components"]["schemas"]["OrderCreate"]["properties"]["total"]
    assert total["type"] == "string"
    assert "OrderCreate-Input" not in document["components"]["schemas"]
    assert "number" not in str(document["paths"]["/orders"]["post"]["parameters"])
    for sent in ACCEPTED:
        assert re.fullmatch(total["pattern"], sent)
    for sent in REFUSED:
        assert not isinstance(sent, str) or not re.fullmatch(total["pattern"], sent)


INEXACT = ["9.999", "1E-20", "1E+10", "-10000000000", "NaN", "sNaN", "-Infinity", "1E+999999"]


@pytest.mark.parametrize("text", INEXACT)
def test_what_would_be_rounded_is_no_answer(text: str) -> None:
    with pytest.raises(ValidationError):
        OrderRead.model_validate(Order(total=Decimal(text)))


@drivers
@pytest.mark.parametrize("value", [*map(Decimal, INEXACT), 9, 9.9, "9.90"], ids=str)
async def test_what_would_be_rounded_is_not_stored(driver: str, value: Any) -> None:
    def work(session: Session) -> None:
        with pytest.raises(StatementError, match="round") as caught:
            session.execute(insert(Order).values(id=KEY, total=value))
        # A ValueError would be answered by 422, as if a client had sent it.
        assert isinstance(caught.value.orig, TypeError)

    await within(driver, work)


@drivers
async def test_an_amount_is_compared_and_multiplied_without_rounding(driver: str) -> None:
    def work(session: Session) -> None:
        stored(session, total=Decimal("10.00"))
        for limit, found in (("9.999", None), ("10.001", KEY)):
            below = select(Order.id).where(Order.total < Decimal(limit))
            assert session.scalar(below) == found
        assert session.scalar(select(Order.total * Decimal("1.0755"))) == Decimal("10.7550")
        assert session.scalar(select(Order.total * 3)) == 30
        assert session.scalar(select(func.sum(Order.total))) == 10

    await within(driver, work)


def test_what_is_read_takes_no_step_in_python() -> None:
    from app.database import async_engine, engine

    numeric = 1700  # PostgreSQL's number of the type
    for dialect in (engine.dialect, async_engine.dialect):
        amount = Amount().dialect_impl(dialect)
        assert amount.result_processor(dialect, numeric) is None
