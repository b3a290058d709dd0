"""How the pages of one server look: the customer's name, logo, colour and links, in our frame.

All of it was checked when it was decided, and is escaped here. Branding adds nothing from elsewhere: the
logo is ours to serve, the colour is part of the page's one style. It takes nothing away either: a branded
page says which server it is of.
"""

import base64
import hashlib
from functools import lru_cache
from html import escape
from urllib.parse import quote

import msgspec

from gatewayops.api.accent import accent
from gatewayops.store.control.server_brandings import PLAIN, Branding

OURS = "#1f6feb"
_STYLE = """
:root{color-scheme:light dark;--brand:%s;--on-brand:%s;--accent:%s;--line:#d5d9df;--quiet:#57606a}
body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1b1f24;margin:0;padding:2rem 1rem}
main{max-width:26rem;margin:0 auto;background:#fff;border:1px solid var(--line);border-radius:12px;
padding:1.5rem 2rem}
h1{font-size:1.25rem;margin:.5rem 0;overflow-wrap:anywhere}b{overflow-wrap:anywhere}
label{display:block;margin:.75rem 0}
input{font:inherit;width:100%%;box-sizing:border-box;
padding:.5rem;border:1px solid #8b949e;border-radius:6px}
button{font:inherit;padding:.5rem 1rem;border-radius:6px;border:1px solid var(--accent);
background:var(--brand);color:var(--on-brand);cursor:pointer}
button.quiet{background:none;color:inherit;border-color:#8b949e}
a{color:var(--accent)}img{display:block;max-width:100%%;max-height:4rem}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.fault{background:#ffebe9;border:1px solid #ff8182;border-radius:6px;padding:.5rem .75rem}
.warning{background:#fff8c5;border:1px solid #d4a72c;border-radius:6px;padding:.5rem .75rem}
code{font:14px ui-monospace,monospace;overflow-wrap:anywhere}
footer{max-width:26rem;margin:1rem auto;color:var(--quiet);font-size:.875rem;text-align:center}
footer code{font-size:.8125rem}footer a{margin:0 .5rem}
@media(max-width:30rem){body{padding:1rem .5rem}main{padding:1rem 1.25rem}}
@media(prefers-color-scheme:dark){:root{--accent:%s;--line:#3d444d;--quiet:#9ba3ad}
body{background:#14171a;color:#dfe3e8}main{background:#22272c}
input{background:#14171a;color:inherit}.fault,.warning{color:#1b1f24}
img{background:#fff;padding:.25rem .5rem;border-radius:6px;box-sizing:border-box}}
"""


class Look(msgspec.Struct, frozen=True):
    """A server's pages: its name with us, its address as clients know it, and what the customer decided."""

    server: str
    address: str
    branding: Branding = PLAIN
    logo_url: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.branding.product_name or self.server

    @property
    def style(self) -> str:
        """The page's one style sheet."""
        return _style(self.branding.accent_color or OURS)

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: this style by its hash, pictures of ours if there is one, no more."""
        digest = _digest(self.style)
        pictures = "img-src 'self'; " if self.logo_url else ""
        rest = "base-uri 'none'; frame-ancestors 'none'"
        return f"default-src 'none'; style-src 'sha256-{digest}'; {pictures}{rest}"

    def top(self) -> str:
        """HTML above the title."""
        if not self.logo_url:
            return ""
        return f'<img src="{escape(self.logo_url)}" alt="{escape(self.name)}">'

    def bottom(self) -> str:
        """HTML below the page: which server this is, whatever it calls itself, and the customer's links."""
        given = self.branding
        if given == PLAIN:
            return ""
        support = f"mailto:{quote(given.support_email, safe='@')}" if given.support_email else ""
        links = (("Terms", given.terms_url), ("Privacy", given.privacy_url), ("Support", support))
        shown = "".join(_link(name, url) for name, url in links if url)
        return f"<footer><p>{shown}</p><p>The server <code>{escape(self.address)}</code></p></footer>"


def _link(name: str, url: str) -> str:
    """In another tab, so that nobody loses what they were about to allow."""
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{name}</a>'


@lru_cache(maxsize=256)
def _style(color: str) -> str:
    shades = accent(color)
    return _STYLE % (color, shades.text, shades.on_light, shades.on_dark)


@lru_cache(maxsize=256)
def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
