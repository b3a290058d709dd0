"""The HTML of the pages about second factors; everything foreign in it is escaped."""

import io
import json
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from gatewayops.api.factor_shapes import FactorsBody
from gatewayops.store.control.pending_sign_ins import Choice

_KNOWN_FIELD = (
    '<label>Password<input name="password" type="password" autocomplete="current-password"></label>'
)
_CODE = '<label>Code<input name="code" inputmode="numeric" autocomplete="one-time-code" required></label>'


def form(action: str, token: str, inside: str, *, do: str = "") -> str:
    """A form of ours; `token` proves it, `do` says which of a page's forms it is."""
    hidden = f'<input type="hidden" name="form_token" value="{escape(token)}">'
    hidden += f'<input type="hidden" name="do" value="{do}">' if do else ""
    return f'<form method="post" action="{action}">{hidden}{inside}</form>'


def error_line(text: str) -> str:
    """What went wrong, if anything did."""
    return f'<p class="error">{escape(text)}</p>' if text else ""


def passkey_button(kind: str, options: dict[str, Any], label: str) -> str:
    """A button that the script of passkeys serves: `kind` is create or get."""
    given = escape(json.dumps(options), quote=True)
    return (
        '<input type="hidden" name="passkey"><p class="error"></p>'
        f'<button type="button" data-passkey="{kind}" data-options="{given}">{label}</button>'
        "<noscript><p>Passkeys need JavaScript.</p></noscript>"
    )


class Proving(NamedTuple):
    """A page on which somebody proves who they are: where its forms go, and what may be used."""

    action: str
    token: str
    kinds: Sequence[str]
    options: dict[str, Any] | None  # for a passkey, where there can be one
    do: str = ""


def ways(of: Proving) -> str:
    """A form for each way to prove who one is."""

    def one(inside: str) -> str:
        return form(of.action, of.token, inside, do=of.do)

    parts = [one(passkey_button("get", of.options, "Use a passkey"))] if of.options else []
    if "totp" in of.kinds:
        parts.append(one(f"{_CODE}<button>Go on</button>"))
    if "recovery_code" in of.kinds:
        field = '<label>Recovery code<input name="recovery_code" autocomplete="off" required></label>'
        inside = one(f"{field}<button>Go on</button>")
        parts.append(f"<details><summary>I have none of these</summary>{inside}</details>")
    return "".join(parts)


def organizations(token: str, choices: Sequence[Choice]) -> str:
    """A button for each."""
    buttons = "".join(
        f'<p><button name="organization" value="{escape(one.organization.slug)}">'
        f"{escape(one.organization.name)}</button></p>"
        for one in choices
    )
    return form("/sign-in/organization", token, buttons)


def new_app(token: str, *, secret: str, address: str) -> str:
    """The QR code of a new app, its secret for who cannot scan, and the field for a code of it."""
    import segno  # only here: it takes a while to load

    drawn = io.BytesIO()
    segno.make(address, micro=False).save(
        drawn, kind="svg", scale=4, xmldecl=False, svgns=False, svgclass="code", lineclass=None
    )
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    text = (
        "<p>Scan this with your authenticator app, or type the secret into it. It is shown this once.</p>"
        f"<p>{drawn.getvalue().decode()}</p><p><code>{grouped}</code></p>"
        f'<p><a href="{escape(address)}">Open in an app on this device</a></p>'
    )
    return text + form("/second-factors", token, f"{_CODE}<button>Confirm</button>", do="confirm-totp")


def recovery_codes(codes: Sequence[str]) -> str:
    """Shown this once."""
    if not codes:
        return ""
    lines = "\n".join(codes)
    return (
        "<h2>Recovery codes</h2><p>For when all else is lost. Each works once; they are not shown again.</p>"
        f"<pre>{escape(lines)}</pre>"
    )


def confirmation(of: Proving) -> str:
    """Before one's factors may be changed: by one of them, or by the password while there is none."""
    known = form(of.action, of.token, f"{_KNOWN_FIELD}<button>Confirm</button>", do=of.do)
    return f"<h2>Confirm that it is you</h2>{ways(of) if of.kinds else known}"


def changes(token: str, held: FactorsBody, options: dict[str, Any] | None) -> str:
    """What may be added and removed; `options` are for a new passkey, where there can be one."""
    at = "/second-factors"
    parts = ["<h2>Authenticator app</h2>"]
    if held.totp_since is None:
        parts.append(form(at, token, "<button>Set one up</button>", do="begin-totp"))
    else:
        parts.append(f"<p>Since {held.totp_since:%Y-%m-%d}.</p>")
        parts.append(form(at, token, "<button>Remove</button>", do="remove-totp"))
    parts.append("<h2>Passkeys</h2>")
    for one in held.passkeys:
        used = f", used {one.used_at:%Y-%m-%d}" if one.used_at else ""
        inside = (
            f"<p>{escape(one.name)}, since {one.created_at:%Y-%m-%d}{used} "
            f'<button name="passkey_id" value="{escape(one.id)}">Remove</button></p>'
        )
        parts.append(form(at, token, inside, do="remove-passkey"))
    if options is None:
        parts.append("<p>Passkeys need a name: they can be added once gateway.public_url is set to one.</p>")
    else:
        name = '<label>Name, such as “laptop”<input name="name" maxlength="255" required></label>'
        inside = name + passkey_button("create", options, "Add a passkey")
        parts.append(form(at, token, inside, do="add-passkey"))
    if held.totp_since is not None or held.passkeys:
        left = f"<h2>Recovery codes</h2><p>{held.recovery_codes_left} are left.</p>"
        parts.append(left + form(at, token, "<button>Make new ones</button>", do="renew-codes"))
    return "".join(parts)
