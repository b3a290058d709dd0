"""The frame of our pages: no script but one of ours, no request to anywhere else, in no frame of others.

The policy in each answer allows the page's own style, and forms only where the page has one.
"""

import base64
import hashlib
from html import escape

from fastapi.responses import HTMLResponse

SCRIPT = "/assets/passkeys.js"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f5f7;padding:.75rem;overflow:auto}
h2{margin-top:2.5rem;border-bottom:1px solid #d5d9df}
summary{cursor:pointer}b{display:inline-block;width:4.5rem}
label{display:block;margin:.75rem 0}input{font:inherit;display:block;width:22rem;max-width:100%;padding:.3rem}
.error{color:#b3261e}button{font:inherit;padding:.3rem 1rem}form.inline{display:inline}
svg.code{background:#fff}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#dfe3e8}pre{background:#22272c}a{color:#7ab8ff}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(
    title: str,
    body: str,
    *,
    has_form: bool = False,
    has_script: bool = False,
    leads_away: bool = False,
    status: int = 200,
) -> HTMLResponse:
    """A page of ours; `body` is HTML, with everything foreign in it escaped.

    `leads_away`: a form's answer may send the browser to an identity provider, and browsers apply form-action
    to redirects too.

    A page with a form may hold a token, so it is never kept, and tells others nothing but where we are.
    A page with passkeys has their script, from our own address, and no other.
    """
    script = f'<script src="{SCRIPT}" defer></script>' if has_script else ""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{script}"
    )
    content = f"<h1>{escape(title)}</h1>{body}"
    html = f'<!doctype html><html lang="en"><head>{head}</head><body>{content}</body></html>'
    headers = _headers(has_form=has_form, has_script=has_script, leads_away=leads_away)
    return HTMLResponse(html, status_code=status, headers=headers)


def _headers(*, has_form: bool, has_script: bool, leads_away: bool) -> dict[str, str]:
    action = "" if leads_away else "form-action 'self'; " if has_form else "form-action 'none'; "
    policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    policy += "script-src 'self'; " if has_script else ""
    found = {
        "Content-Security-Policy": f"{policy}{action}frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        # a form's POST says where it comes from only when the page may say so
        "Referrer-Policy": "strict-origin" if has_form else "no-referrer",
    }
    return found | {"Cache-Control": "no-store"} if has_form else found
