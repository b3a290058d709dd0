"""`/v1/prices`: what calls cost, in dollars; kept in whole micro-dollars."""

from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, PageAsked, Ref, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import prices
from gatewayops.store.control.prices import Price, Tariff

router = LateRouter(prefix="/v1/prices", tags=["Prices"])

_MICROS = 1_000_000

Reader = Annotated[Principal, Depends(principal_for("prices.read"))]
Writer = Annotated[Principal, Depends(principal_for("prices.write"))]
Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, examples=[0.001])]


class NewPrice(Body):
    """Dollars a call and a token. Empty `server` or `tool` means any; the most specific rule counts."""

    server: Ref = ""
    tool: Ref = ""
    per_call: Dollars
    per_token_input: Dollars
    per_token_output: Dollars


class PriceBody(LateShape):
    """A rule, in dollars."""

    id: str
    server: str
    tool: str
    per_call: float
    per_token_input: float
    per_token_output: float


class OnePrice(LateShape):
    """The answer about one rule."""

    price: PriceBody


class PriceList(Listed):
    """A page of rules."""

    prices: list[PriceBody]


@router.put("")
async def put(body: NewPrice, caller: Writer, parts: Parts) -> OnePrice:
    """Sets the price of a server's tool, of a server, or the default; replaces the one that is there."""
    tariff = Tariff.of_dollars(body.per_call, body.per_token_input, body.per_token_output)
    async with parts.database.session() as session:
        price = await prices.put(
            session, org_id=caller.org_id, server=body.server, tool=body.tool, tariff=tariff
        )
    return OnePrice(price=_body(price))


@router.get("")
async def list_prices(caller: Reader, parts: Parts, asked: PageAsked) -> PriceList:
    """The organisation's rules, newest first."""
    async with parts.database.reading() as session:
        page = await prices.page(session, org_id=caller.org_id, asked=asked)
    return PriceList(prices=[_body(price) for price in page.rows], **paging(page))


@router.delete("/{price_id}", status_code=204)
async def remove(price_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a rule; the next broader one counts from now on."""
    async with parts.database.session() as session:
        await prices.remove(session, org_id=caller.org_id, price_id=price_id)
    return Response(status_code=204)


def _body(price: Price) -> PriceBody:
    tariff = price.tariff
    return PriceBody(
        id=price.id,
        server=price.server,
        tool=price.tool,
        per_call=float(Decimal(tariff.per_call_micros) / _MICROS),
        per_token_input=float(Decimal(tariff.input_micros_per_mtok) / _MICROS / _MICROS),
        per_token_output=float(Decimal(tariff.output_micros_per_mtok) / _MICROS / _MICROS),
    )
