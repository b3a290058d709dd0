"""`/v1/alerts/channels`: where alerts are sent. Secrets are sealed; only one that we make is shown, once."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response
from pydantic import Field

from gatewayops.alerts.channels import ChannelKind, Destination, Post, check_reach, destination_of
from gatewayops.alerts.message import Message
from gatewayops.alerts.outbox import destination_in
from gatewayops.alerts.posting import SendFailed
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, Name, PageAsked, paging
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.base.ids import new_id
from gatewayops.identity.principal import Principal
from gatewayops.store.control import alert_channels
from gatewayops.store.control.alert_channels import Channel, channel_binding

router = LateRouter(prefix="/v1/alerts/channels", tags=["Alerts"])

Reader = Annotated[Principal, Depends(principal_for("alerts.read"))]
Writer = Annotated[Principal, Depends(principal_for("alerts.write"))]
Address = Annotated[str, Field(max_length=2048, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[str, Field(max_length=2048, pattern=r"^[\x21-\x7e]*$")]


class NewChannel(Body):
    """`slack`: `secret` is the incoming webhook's URL. `pagerduty`: `secret` is the integration key.

    `webhook`: `address` is a URL; `secret` (whsec_…) signs, made when left out. `email`: `address` is e-mail
    addresses with commas between. `apprise`: `secret` is a URL of apprise, of a scheme that the installation
    allows. `for_all`: rules that name no channel use it.
    """

    name: Name
    kind: ChannelKind
    address: Address = ""
    secret: Secret = ""
    for_all: bool = True


class ChannelChange(Body):
    """What is left out stays. The kind never changes: make another channel."""

    name: Name | None = None
    address: Address | None = None
    secret: Secret | None = None
    for_all: bool | None = None


class ChannelBody(LateShape):
    """A channel; of Slack the address is the host only, of apprise the scheme."""

    id: str
    name: str
    kind: ChannelKind
    address: str
    for_all: bool
    created_at: datetime


class OneChannel(LateShape):
    """The answer about one channel; `secret` only when we made it, and only now."""

    channel: ChannelBody
    secret: str | None = None


class ChannelList(Listed):
    """A page of channels."""

    channels: list[ChannelBody]


class Tested(LateShape):
    """What the other side said."""

    delivered: bool
    answer: str


@router.post("", status_code=201)
async def add(body: NewChannel, caller: Writer, parts: Parts) -> OneChannel:
    """Makes a channel. Try it with `POST …/test`."""
    destination = destination_of(body.kind, address=body.address, secret=body.secret)
    await check_reach(body.kind, destination, parts.alerts)
    channel_id = alert_channels.new_channel_id()
    channel = Channel(
        id=channel_id,
        org_id=caller.org_id,
        name=body.name,
        kind=body.kind.value,
        address=destination.address,
        sealed_secret=await _sealed(parts, destination, org_id=caller.org_id, channel_id=channel_id),
        is_for_all=body.for_all,
        created_at=clock.now(),
    )
    async with parts.database.session() as session:
        made = await alert_channels.add(session, channel)
    is_ours = body.kind is ChannelKind.WEBHOOK and not body.secret
    return OneChannel(channel=_body(made), secret=destination.secret if is_ours else None)


@router.get("")
async def list_channels(caller: Reader, parts: Parts, asked: PageAsked) -> ChannelList:
    """The organisation's channels, newest first."""
    async with parts.database.reading() as session:
        page = await alert_channels.page(session, org_id=caller.org_id, asked=asked)
    return ChannelList(channels=[_body(one) for one in page.rows], **paging(page))


@router.get("/{channel_id}")
async def show(channel_id: InPath, caller: Reader, parts: Parts) -> OneChannel:
    """One channel."""
    return OneChannel(channel=_body(await _found(parts, caller, channel_id)))


@router.patch("/{channel_id}")
async def change(channel_id: InPath, body: ChannelChange, caller: Writer, parts: Parts) -> OneChannel:
    """Changes what is given; messages that wait go where it points then."""
    found = await _found(parts, caller, channel_id)
    columns: dict[str, Any] = {"name": body.name, "is_for_all": body.for_all}
    if body.address is not None or body.secret:
        before = await destination_in(found, parts.credentials)
        kind = ChannelKind(found.kind)
        now = destination_of(
            kind,
            address=found.address if body.address is None else body.address,
            secret=body.secret or before.secret,
        )
        if kind is ChannelKind.PAGERDUTY and now.address != found.address and not body.secret:
            msg = "secret: give it again, for the address is another one, which must not get the old one"
            raise InvalidInput(msg)
        await check_reach(kind, now, parts.alerts)
        columns["address"] = now.address
        columns["sealed_secret"] = await _sealed(parts, now, org_id=caller.org_id, channel_id=found.id)
    given = {name: value for name, value in columns.items() if value is not None}
    async with parts.database.session() as session:
        changed = await alert_channels.change(
            session, org_id=caller.org_id, channel_id=found.id, columns=given
        )
    return OneChannel(channel=_body(changed))


@router.delete("/{channel_id}", status_code=204)
async def remove(channel_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a channel, also from rules that name it; what waits for it is dropped."""
    async with parts.database.session() as session:
        await alert_channels.remove(session, org_id=caller.org_id, channel_id=channel_id)
    return Response(status_code=204)


@router.post("/{channel_id}/test")
async def test(channel_id: InPath, caller: Writer, parts: Parts) -> Tested:
    """Sends a message now, once, and says what the other side said."""
    found = await _found(parts, caller, channel_id)
    destination = await destination_in(found, parts.credentials)
    message, kind, sender = _example(found), ChannelKind(found.kind), Post(parts.alerts)
    try:
        answer = await sender.send(kind, destination, message, message_id=new_id("msg"))
        if kind is ChannelKind.PAGERDUTY:  # leaves nothing open there
            over = msgspec.structs.replace(message, resolved_at=message.started_at)
            await sender.send(kind, destination, over, message_id=new_id("msg"))
    except SendFailed as error:
        return Tested(delivered=False, answer=error.detail)
    return Tested(delivered=True, answer=answer)


def _example(channel: Channel) -> Message:
    """Of the lowest severity."""
    now = clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    return Message(
        incident_id=new_id("incident"),
        organization=channel.org_id,
        state="test",
        rule_id="",
        rule="Test",
        kind="test",
        severity="info",
        subject=channel.name,
        server="",
        tool="",
        team="",
        summary=f"This is a test of the channel {channel.name}.",
        value=0.0,
        threshold=0.0,
        started_at=now,
    )


async def _found(parts: ControlParts, caller: Principal, ref: str) -> Channel:
    async with parts.database.reading() as session:
        return await alert_channels.find(session, org_id=caller.org_id, ref=ref)


async def _sealed(parts: ControlParts, destination: Destination, *, org_id: str, channel_id: str) -> bytes:
    bound_to = channel_binding(org_id, channel_id)
    return await parts.credentials.seal_if_any(destination.secret.encode(), org_id=org_id, bound_to=bound_to)


def _body(channel: Channel) -> ChannelBody:
    return ChannelBody(
        id=channel.id,
        name=channel.name,
        kind=ChannelKind(channel.kind),
        address=channel.address,
        for_all=channel.is_for_all,
        created_at=channel.created_at,
    )
