"""The pages that end users see: every value escaped, nothing from elsewhere, in the dashboard's design.

There is no form-action in the policy: browsers apply it to the redirects after a form too, and the last of
them leads to the client. Nothing on these pages comes from others but what `escape` has gone over.
"""

from html import escape

from fastapi.responses import HTMLResponse, RedirectResponse

from gatewayops.api.oauth_look import Look
from gatewayops.api.pages import head

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(title: str, body: str, *, look: Look, status: int = 200) -> HTMLResponse:
    """`body` is HTML; the title is text."""
    top = head(title, f"<style>{look.style}</style>")
    content = f'<main class="card door-card">{look.top()}<h1>{escape(title)}</h1>{body}</main>{look.bottom()}'
    html = (
        f'<!doctype html><html lang="en"><head>{top}</head><body class="door branded">{content}</body></html>'
    )
    headers = _HEADERS | {"Content-Security-Policy": look.policy}
    return HTMLResponse(html, status_code=status, headers=headers)


def onward(url: str) -> RedirectResponse:
    """With GET, whatever came before: a form is not sent on to anybody."""
    headers = {name: _HEADERS[name] for name in ("Cache-Control", "Referrer-Policy")}
    return RedirectResponse(url, status_code=303, headers=headers)


def fault_page(detail: str, *, look: Look, status: int = 400) -> HTMLResponse:
    """What went wrong, for the person, where the client must not or cannot be told."""
    tip = "<p>Go back to the app that sent you here and connect again.</p>"
    return page("This did not work", f'<p class="fault">{escape(detail)}</p>{tip}', look=look, status=status)


def sign_in(look: Look, hidden: str, *, more: str, email: str = "", fault: str = "") -> HTMLResponse:
    """The form for e-mail and password; `more` is HTML: what else one may do."""
    body = (
        f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b></p>"
        f'<form method="post">{hidden}'
        f'<label>E-mail <input name="email" type="email" value="{escape(email)}" required autofocus '
        'autocomplete="username" maxlength="254"></label>'
        '<label>Password <input name="password" type="password" required autocomplete="current-password" '
        f'maxlength="256"></label><p><button>Sign in</button></p></form>{more}'
    )
    return page("Sign in", body, look=look, status=400 if fault else 200)


def other_ways(*, forgot_url: str, sign_up_url: str) -> str:
    """HTML for who has no password at hand; `sign_up_url` may be empty."""
    ways = f'<p><a href="{escape(forgot_url)}">Forgot your password?</a></p>'
    return ways + (
        f'<p>New here? <a href="{escape(sign_up_url)}">Make an account</a></p>' if sign_up_url else ""
    )


def sign_up(look: Look, hidden: str, *, least: int, email: str = "", fault: str = "") -> HTMLResponse:
    """The form for a new account."""
    body = (
        f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b></p>"
        f'<form method="post">{hidden}'
        f'<label>E-mail <input name="email" type="email" value="{escape(email)}" required autofocus '
        'autocomplete="username" maxlength="254"></label>'
        f'<label>Password, at least {least} characters <input name="password" type="password" required '
        f'autocomplete="new-password" minlength="{least}" maxlength="256"></label>'
        "<p><button>Make the account</button></p></form>"
    )
    return page("Make an account", body, look=look, status=400 if fault else 200)


def consent(hidden: str, *, client: str, look: Look, email: str, where: str, notes: str) -> HTMLResponse:
    """The question; `notes` is HTML: scopes and warnings."""
    body = (
        f"<p><b>{escape(client)}</b> wants to use <b>{escape(look.name)}</b> in your name "
        f"({escape(email)}).</p>{notes}"
        f"<p>Your answer is sent to <code>{escape(where)}</code>.</p>"
        f'<form method="post">{hidden}<p><button name="decision" value="allow">Allow</button> '
        '<button class="quiet" name="decision" value="deny">Deny</button></p></form>'
    )
    return page("Allow access?", body, look=look)


def device(look: Look, *, fault: str = "", status: int = 200) -> HTMLResponse:
    """The form for the code that a device shows."""
    body = (
        f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b> on a device. Type only a code that you see "
        "on a device of your own, never one that somebody sent you.</p>"
        '<form method="get"><label>Code <input name="user_code" required autofocus autocomplete="off" '
        'maxlength="16"></label><p><button>Go on</button></p></form>'
    )
    return page("Connect a device", body, look=look, status=status)


def device_done(look: Look) -> HTMLResponse:
    """After the answer."""
    text = f"<p>Go back to your device to use <b>{escape(look.name)}</b>. You may close this page.</p>"
    return page("Done", text, look=look)


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


def fault_line(text: str) -> str:
    """HTML of what was wrong; nothing for nothing."""
    return f'<p class="fault" role="alert">{escape(text)}</p>' if text else ""
