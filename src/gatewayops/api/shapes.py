"""What the routes share: bodies that refuse unknown fields, dollars, pages."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gatewayops.store.control.paging import MAX_LIMIT, Asked, Page

T = TypeVar("T")


def _in_utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError as error:  # the first and the last hours that there are, in other zones
        msg = "lies before or after all times in UTC"
        raise ValueError(msg) from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
Ref = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]  # id or name; empty for none
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]  # RFC 6749, 3.3
InPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,100}$")]  # id or name in an address


class LateShape(BaseModel):
    """What a route takes or answers. Pydantic works it out on first use, so that starts are quick."""

    model_config = ConfigDict(defer_build=True)


class Body(LateShape):
    """A request's body: a field that we don't know is a mistake worth naming."""

    model_config = ConfigDict(extra="forbid")


class Listed(LateShape):
    """The end of every list: `cursor` asks for the next page, null at the end."""

    cursor: str | None
    has_more: bool


def _asked(limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50, cursor: str = "") -> Asked:
    return Asked(limit=limit, cursor=cursor)


PageAsked = Annotated[Asked, Depends(_asked)]


def paging(page: Page[Any]) -> dict[str, Any]:
    """The fields of `Listed`."""
    return {"cursor": page.cursor, "has_more": page.has_more}


def dollars(micros: int) -> float:
    """For JSON only: inside, money is whole micro-dollars."""
    return float(Decimal(micros) / 1_000_000)
