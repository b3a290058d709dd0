"""Settings of alerts: how often rules are looked at, how messages are sent, where mail goes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_LOCAL = frozenset(("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"))


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`mail_folder`, when given, gets each mail as a file instead: for development.

    `apprise_schemes` are services that channels of the kind `apprise` may use, such as discord or tgram.
    """

    evaluate_every_s: Annotated[float, Meta(ge=1, le=60)] = 5.0
    allow_private_channels: bool = False  # webhooks at private or loopback addresses
    apprise_schemes: tuple[str, ...] = ()
    send_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0
    send_attempts: Annotated[int, Meta(ge=1, le=100)] = 30  # with the waits below, about two hours
    retry_base_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    retry_max_s: Annotated[float, Meta(gt=0, le=3_600)] = 300.0
    keep_days: Annotated[int, Meta(ge=1, le=3_650)] = 90  # resolved incidents and their deliveries
    smtp_host: str = ""  # empty: no mail is sent
    smtp_port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    mail_from: str = "gatewayops@localhost"
    mail_folder: str = ""

    def __post_init__(self) -> None:
        """Refuses what works on this machine instead of telling somebody."""
        if local := _LOCAL.intersection(self.apprise_schemes):
            msg = f"apprise_schemes: {', '.join(sorted(local))} would work on this machine; leave it out"
            raise ValueError(msg)
