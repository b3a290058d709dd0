"""How the pages of one server look: the customer's name, logo, colour and links, in our frame.

All of it was checked when it was decided, and is escaped here. Branding adds nothing from elsewhere: the
logo is ours to serve, the colours are a style of the page that its policy names by hash. It takes nothing
away either: a branded page says which server it is of.
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
_STYLE = ":root{--brand:%s;--on-brand:%s;--brand-text:%s}.dark{--brand-text:%s}"


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
        """The colours of the page, over the dashboard's stylesheet."""
        return _style(self.branding.accent_color or OURS)

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: files of ours, and these colours by their hash, no more."""
        digest = _digest(self.style)
        files = f"style-src 'self' 'sha256-{digest}'; script-src 'self'; img-src 'self'"
        return f"default-src 'none'; {files}; base-uri 'none'; frame-ancestors 'none'"

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
