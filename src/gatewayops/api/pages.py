"""The frame of the pages that people see before they are inside, in the dashboard's design.

They load the dashboard's stylesheet and the script that knows light from dark, from our own address, and in
frames of others they are not. Forms lead only where the page says.
"""

from html import escape

from fastapi.responses import HTMLResponse

SCRIPT = "/assets/passkeys.js"
BRAND = (
    '<p class="door-brand"><svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
    'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M3 12h4l3-8 4 16 3-8h4"/></svg>GatewayOps</p>'
)


def head(title: str, more: str = "") -> str:
    """What the head of such a page holds; `more` is HTML."""
    return (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="/static/icon.svg">'
        f'<link rel="stylesheet" href="/static/app.css"><script src="/static/theme.js"></script>{more}'
    )


def page(
    title: str,
    body: str,
    *,
    has_form: bool = False,
    has_script: bool = False,
    leads_away: bool = False,
    status: int = 200,
) -> HTMLResponse:
    """A card in the middle; `body` is HTML, with everything foreign in it escaped.

    `leads_away`: a form's answer may send the browser to an identity provider, and browsers apply form-action
    to redirects too.

    A page with a form may hold a token, so it is never kept, and tells others nothing but where we are.
    A page with passkeys has their script too, from our own address.
    """
    content = f'<main class="card door-card">{BRAND}<h1>{escape(title)}</h1>{body}</main>'
    action = "" if leads_away else "form-action 'self'; " if has_form else "form-action 'none'; "
    script = f'<script src="{SCRIPT}" defer></script>' if has_script else ""
    return framed(
        head(title, script), content, kind="door", action=action, is_private=has_form, status=status
    )


def document(title: str, body: str) -> HTMLResponse:
    """A page to read, as wide as text is; the same for all."""
    content = f'<main class="document">{BRAND}<h1>{escape(title)}</h1>{body}</main>'
    return framed(head(title), content, kind="wide", action="form-action 'none'; ", is_private=False)


def framed(
    inside_head: str, content: str, *, kind: str, action: str, is_private: bool, status: int = 200
) -> HTMLResponse:
    """The whole; `kind` is a class of the stylesheet, `action` a directive about forms."""
    body = f'<body class="{kind}">{content}</body>'
    html = f'<!doctype html><html lang="en"><head>{inside_head}</head>{body}</html>'
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
        f"{action}frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        # a form's POST says where it comes from only when the page may say so
        "Referrer-Policy": "strict-origin" if is_private else "no-referrer",
    }
    if is_private:
        headers["Cache-Control"] = "no-store"
    return HTMLResponse(html, status_code=status, headers=headers)
