"""Charges as rows of a table: plain, and with the columns of FOCUS 1.2 (focus.finops.org).

A charge is what the calls of one day, team, project, user, server and tool cost. Money is decimal text of
dollars, exact to the micro-dollar. What a column of FOCUS has no value for is empty, as null is in CSV.
"""

from datetime import UTC, date, datetime, time, timedelta

import msgspec

from gatewayops.cost.budget import Period, span_at

PLAIN = (
    "day",
    "team_id",
    "team",
    "project_id",
    "project",
    "user_id",
    "server",
    "tool",
    "calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cost",
)
FOCUS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
    "Tags",
)
_US = "GatewayOps"
_TAG = "gatewayops/"  # tags of the provider's own carry its prefix
_MICROS = 1_000_000


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One row; empty text where there is no such subject. Tokens are estimated."""

    day: date
    team_id: str = ""
    team: str = ""
    project_id: str = ""
    project: str = ""
    user_id: str = ""
    server: str = ""
    tool: str = ""
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


class Account(msgspec.Struct, frozen=True):
    """The organisation that is billed."""

    id: str
    name: str


def plain_row(charge: Charge) -> list[str | int]:
    """The cells of PLAIN."""
    cells = msgspec.structs.asdict(charge) | {
        "day": charge.day.isoformat(),
        "cost": dollars(charge.cost_micros),
    }
    return [cells[name] for name in PLAIN]


def focus_row(charge: Charge, account: Account) -> list[str | int]:
    """The cells of FOCUS. Prices are the organisation's own, so list, contracted and billed cost are one."""
    month = span_at(Period.MONTH, _midnight(charge.day))
    cost, resource = dollars(charge.cost_micros), _resource(charge)
    calls = "1 call" if charge.calls == 1 else f"{charge.calls} calls"
    tags = {
        f"{_TAG}{name}": value
        for name in ("project_id", "project", "user_id")
        if (value := getattr(charge, name))
    }
    cells = dict.fromkeys(FOCUS, "") | {
        "BilledCost": cost,
        "BillingAccountId": account.id,
        "BillingAccountName": account.name,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _moment(month.start),
        "BillingPeriodEnd": _moment(month.end),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{calls} of {resource or _US}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _moment(charge.day),
        "ChargePeriodEnd": _moment(charge.day + timedelta(days=1)),
        "ConsumedQuantity": str(charge.calls),
        "ConsumedUnit": "Calls",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": _US,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": str(charge.calls),
        "PricingUnit": "Calls",
        "ProviderName": _US,
        "PublisherName": _US,
        "ResourceId": resource,
        "ResourceName": charge.tool or charge.server,
        "ResourceType": ("MCP Tool" if charge.tool else "MCP Server") if resource else "",
        "ServiceCategory": "Integration",
        "ServiceName": charge.server or _US,
        "ServiceSubcategory": "API Management",
        "SubAccountId": charge.team_id,
        "SubAccountName": charge.team,
        "Tags": msgspec.json.encode(tags).decode() if tags else "",
    }
    return [cells[name] for name in FOCUS]


def dollars(micros: int) -> str:
    """Micro-dollars as decimal text.

    >>> dollars(4_000_000_000_001), dollars(20)
    ('4000000.000001', '0.000020')
    """
    sign, whole = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{whole // _MICROS}.{whole % _MICROS:06d}"


def _resource(charge: Charge) -> str:
    return f"{charge.server}/{charge.tool}" if charge.server and charge.tool else charge.server or charge.tool


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
