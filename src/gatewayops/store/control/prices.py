"""Price rules: what calls cost, from the default of the organisation to one tool of one server."""

from decimal import Decimal

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import PriceRule

_MICROS = 1_000_000
_MAX_MICROS = 1 << 60  # fits the column, and a call of a billion tokens still fits 128 bits


class Tariff(msgspec.Struct, frozen=True):
    """Whole micro-dollars: a call, a million input tokens, a million output tokens."""

    per_call_micros: int
    input_micros_per_mtok: int
    output_micros_per_mtok: int

    @classmethod
    def of_dollars(cls, per_call: Decimal, per_token_input: Decimal, per_token_output: Decimal) -> "Tariff":
        """From dollars a call and dollars a token, exactly; raises InvalidInput that names the field."""
        return cls(
            per_call_micros=_whole("per_call", per_call * _MICROS),
            input_micros_per_mtok=_whole("per_token_input", per_token_input * _MICROS * _MICROS),
            output_micros_per_mtok=_whole("per_token_output", per_token_output * _MICROS * _MICROS),
        )


class Price(msgspec.Struct, frozen=True):
    """A rule; empty `server` or `tool` means any."""

    id: str
    server: str
    tool: str
    tariff: Tariff


DEFAULT = Tariff(per_call_micros=1_000, input_micros_per_mtok=10_000_000, output_micros_per_mtok=30_000_000)


def _whole(field: str, micros: Decimal) -> int:
    if not micros.is_finite() or micros < 0 or micros > _MAX_MICROS:
        msg = f"{field}: an amount in dollars, not negative"
        raise InvalidInput(msg)
    if micros != micros.to_integral_value():
        msg = f"{field}: finer than prices are kept (a millionth of a dollar a call or a million tokens)"
        raise InvalidInput(msg)
    return int(micros)


async def put(session: Session, *, org_id: str, server: str, tool: str, tariff: Tariff) -> Price:
    """Makes the rule for this server and tool, or replaces it."""
    which = PriceRule.org_id == org_id, PriceRule.server == server, PriceRule.tool == tool
    row = await session.scalar(select(PriceRule).where(*which))
    if row is None:
        row = PriceRule(id=new_id("price"), org_id=org_id, server=server, tool=tool, **_columns(tariff))
        await rows.add(session, row, taken="another change of this price came first")
    else:
        for column, value in _columns(tariff).items():
            setattr(row, column, value)
    await revision.bump(session)
    return _price(row)


async def put_default(session: Session, *, org_id: str) -> Price:
    """The price of an organisation that has set none."""
    return await put(session, org_id=org_id, server="", tool="", tariff=DEFAULT)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Price]:
    """The organisation's rules, newest first."""
    found = await page_of(session, select(PriceRule).where(PriceRule.org_id == org_id), PriceRule, asked)
    return Page(rows=tuple(map(_price, found.rows)), cursor=found.cursor)


async def remove(session: Session, *, org_id: str, price_id: str) -> None:
    """Raises NotFound."""
    which = PriceRule.org_id == org_id, PriceRule.id == price_id
    row = await session.scalar(select(PriceRule).where(*which))
    if row is None:
        msg = "no price of that id"
        raise NotFound(msg)
    await session.delete(row)
    await revision.bump(session)


def _columns(tariff: Tariff) -> dict[str, int]:
    return msgspec.structs.asdict(tariff)


def _price(row: PriceRule) -> Price:
    tariff = Tariff(
        per_call_micros=row.per_call_micros,
        input_micros_per_mtok=row.input_micros_per_mtok,
        output_micros_per_mtok=row.output_micros_per_mtok,
    )
    return Price(id=row.id, server=row.server, tool=row.tool, tariff=tariff)
