"""The pages that end users see: plain HTML, every value escaped, no script, nothing from elsewhere.

There is no form-action in the policy: browsers apply it to the redirects after a form too, and the last of
them leads to the client. Nothing on these pages comes from others but what `escape` has gone over.
"""

import base64
import hashlib
from html import escape

from fastapi.responses import HTMLResponse, RedirectResponse

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1b1f24;margin:0;padding:2rem 1rem}
main{max-width:26rem;margin:0 auto;background:#fff;border:1px solid #d5d9df;border-radius:12px;
padding:1.5rem 2rem}
h1{font-size:1.25rem}
label{display:block;margin:.75rem 0}
input{font:inherit;width:100%;box-sizing:border-box;
padding:.5rem;border:1px solid #8b949e;border-radius:6px}
button{font:inherit;padding:.5rem 1rem;border-radius:6px;border:1px solid #1f6feb;background:#1f6feb;
color:#fff;cursor:pointer}button.quiet{background:none;color:inherit;border-color:#8b949e}
.fault{background:#ffebe9;border:1px solid #ff8182;border-radius:6px;padding:.5rem .75rem}
.warning{background:#fff8c5;border:1px solid #d4a72c;border-radius:6px;padding:.5rem .75rem}
code{font:14px ui-monospace,monospace;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#dfe3e8}
main{background:#22272c;
border-color:#3d444d}
input{background:#14171a;color:inherit}a{color:#7ab8ff}.fault,.warning{color:#1b1f24}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """`body` is HTML; the title is text."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    content = f"<main><h1>{escape(title)}</h1>{body}</main>"
    html = f'<!doctype html><html lang="en"><head>{head}</head><body>{content}</body></html>'
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def onward(url: str) -> RedirectResponse:
    """With GET, whatever came before: a form is not sent on to anybody."""
    headers = {name: _HEADERS[name] for name in ("Cache-Control", "Referrer-Policy")}
    return RedirectResponse(url, status_code=303, headers=headers)


def fault_page(detail: str, *, status: int = 400) -> HTMLResponse:
    """What went wrong, for the person, where the client must not or cannot be told."""
    tip = "<p>Go back to the app that sent you here and connect again.</p>"
    return page("This did not work", f'<p class="fault">{escape(detail)}</p>{tip}', status=status)


def sign_in(
    server: str, hidden: str, *, sign_up_url: str, email: str = "", fault: str = "", elsewhere: str = ""
) -> HTMLResponse:
    """The form for e-mail and password; `elsewhere` is HTML: other ways to sign in."""
    body = (
        f"{_fault(fault)}<p>to use <b>{escape(server)}</b></p>"
        f'<form method="post">{hidden}'
        f'<label>E-mail <input name="email" type="email" value="{escape(email)}" required autofocus '
        'autocomplete="username" maxlength="254"></label>'
        '<label>Password <input name="password" type="password" required autocomplete="current-password" '
        'maxlength="256"></label><p><button>Sign in</button></p></form>'
        f"{elsewhere}"
    )
    if sign_up_url:
        body += f'<p>New here? <a href="{escape(sign_up_url)}">Make an account</a></p>'
    return page("Sign in", body, status=400 if fault else 200)


def sign_up(server: str, hidden: str, *, least: int, email: str = "", fault: str = "") -> HTMLResponse:
    """The form for a new account."""
    body = (
        f"{_fault(fault)}<p>to use <b>{escape(server)}</b></p>"
        f'<form method="post">{hidden}'
        f'<label>E-mail <input name="email" type="email" value="{escape(email)}" required autofocus '
        'autocomplete="username" maxlength="254"></label>'
        f'<label>Password, at least {least} characters <input name="password" type="password" required '
        f'autocomplete="new-password" minlength="{least}" maxlength="256"></label>'
        "<p><button>Make the account</button></p></form>"
    )
    return page("Make an account", body, status=400 if fault else 200)


def consent(hidden: str, *, client: str, server: str, email: str, where: str, notes: str) -> HTMLResponse:
    """The question; `notes` is HTML: scopes and warnings."""
    body = (
        f"<p><b>{escape(client)}</b> wants to use <b>{escape(server)}</b> in your name "
        f"({escape(email)}).</p>{notes}"
        f"<p>Your answer is sent to <code>{escape(where)}</code>.</p>"
        f'<form method="post">{hidden}<p><button name="decision" value="allow">Allow</button> '
        '<button class="quiet" name="decision" value="deny">Deny</button></p></form>'
    )
    return page("Allow access?", body)


def device(server: str, *, fault: str = "", status: int = 200) -> HTMLResponse:
    """The form for the code that a device shows."""
    body = (
        f"{_fault(fault)}<p>to use <b>{escape(server)}</b> on a device. Type only a code that you see on a "
        "device of your own, never one that somebody sent you.</p>"
        '<form method="get"><label>Code <input name="user_code" required autofocus autocomplete="off" '
        'maxlength="16"></label><p><button>Go on</button></p></form>'
    )
    return page("Connect a device", body, status=status)


def device_done(server: str) -> HTMLResponse:
    """After the answer."""
    return page(
        "Done", f"<p>Go back to your device to use <b>{escape(server)}</b>. You may close this page.</p>"
    )


def consent_notes(scope: str, *, is_loopback: bool, is_unproven: bool, is_device: bool = False) -> str:
    """What a person should know before the answer."""
    listed = "".join(f"<li><code>{escape(one)}</code></li>" for one in scope.split())
    notes = f"<p>It may:</p><ul>{listed}</ul>" if listed else ""
    if is_device:
        notes += (
            '<p class="warning">Allow this only if you typed a code from the screen of your own device. '
            "Whoever sent you a code, or a link here, would get what you allow.</p>"
        )
    elif is_loopback:
        notes += (
            '<p class="warning">The app says it runs on this computer. Allow this only if you have just '
            "started it yourself.</p>"
        )
    elif is_unproven:
        notes += '<p class="warning">The app chose its name itself; nobody has checked it.</p>'
    return notes


def hidden_field(name: str, value: str) -> str:
    """A field that the browser sends back."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _fault(text: str) -> str:
    return f'<p class="fault" role="alert">{escape(text)}</p>' if text else ""
