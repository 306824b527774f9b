"""A service of every type that a request may have, and that its document must describe exactly."""

from decimal import Decimal
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from app.kit.db.money import Money, Price
from app.kit.db.types import Moment
from app.kit.http.decimals import describe_decimals
from tests.kit.orders import Size, Status


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    total: Money
    fee: Price | None = None
    placed_at: Moment
    status: Status
    size: Size = Size.SMALL


class Measures(BaseModel):
    model_config = ConfigDict(extra="forbid")

    plain: Decimal
    places: Annotated[Decimal, Field(decimal_places=2)]
    column: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    positive: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=3)]
    unsigned: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    whole: Annotated[Decimal, Field(max_digits=5)] | None = None
    rate: Annotated[Decimal, Field(max_digits=4, decimal_places=4)] = Decimal("0.5")
    percent: list[Annotated[Decimal, Field(ge=0, le=100)]] = []


describe_decimals()
app = FastAPI(responses={400: {}})


@app.post("/orders")
def create_order(order: Order) -> Order:
    return order


@app.get("/found")
def find_orders(
    least: Price | None = None,
    since: Moment | None = None,
    status: Annotated[list[Status], Query()] = [],  # noqa: B006
    weight: Decimal = Decimal(0),
) -> str:
    return f"{least} {since} {status} {weight}"


@app.post("/measures")
def measure(measures: Measures) -> Measures:
    return measures
