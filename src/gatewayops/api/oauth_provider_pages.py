"""The parts of end users' pages that are about signing in elsewhere: buttons, faults, connecting."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from fastapi.responses import HTMLResponse

from gatewayops.api.oauth_look import Look
from gatewayops.api.oauth_pages import fault_line, page
from gatewayops.store.control.sign_in_providers import Provider

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "canceled": "You did not sign in there. Try again, or sign in another way.",
        "refused": "Signing in there did not work. Try again, or sign in another way.",
        "unreachable": "It cannot be reached now. Try again later, or sign in another way.",
        "often": "Too many attempts. Try again in a minute.",
        "off": "This way to sign in was switched off.",
        "unverified": "Your e-mail address is not verified there. Verify it, then try again.",
        "domain": "Only people with an address of certain e-mail domains are let in.",
        "closed": "You have no account here, and accounts are made by the operator of this server.",
        "disabled": "This account was shut out by the operator of this server.",
        "taken": "There is an account of your e-mail address already. Sign in the way you did before.",
    }
)
"""What is said on the sign-in page, by the word in its address: nothing that a provider or a link says."""


def buttons(providers: Sequence[Provider], hidden: str, *, issuer: str) -> str:
    """A form for each: nobody leaves without a click on a page of ours."""
    return "".join(
        f'<form method="post" action="{escape(issuer)}/sign-in/{escape(one.id)}">{hidden}'
        f'<p><button class="quiet">Continue with {escape(one.name)}</button></p></form>'
        for one in providers
    )


def sign_in_elsewhere(look: Look, forms: str, *, fault: str = "") -> HTMLResponse:
    """The sign-in page of a server that takes no passwords."""
    nobody = "<p>Nobody can sign in here now: its operator has switched on no way to do so.</p>"
    body = f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b></p>{forms or nobody}"
    return page("Sign in", body, look=look, status=400 if fault else 200)


def connect(
    look: Look, email: str, provider: str, hidden: str, *, other_way: str, fault: str = ""
) -> HTMLResponse:
    """Whoever proved to be somebody elsewhere proves to be this one here, too; `other_way` leads back."""
    body = (
        f"{fault_line(fault)}<p>There is an account of <b>{escape(email)}</b> here already. Type its "
        f"password once, and from then on {escape(provider)} signs you in to it.</p>"
        f'<form method="post">{hidden}'
        '<label>Password <input name="password" type="password" required autofocus '
        'autocomplete="current-password" maxlength="256"></label>'
        "<p><button>Connect and sign in</button></p></form>"
        f'<p><a href="{escape(other_way)}">Sign in another way</a></p>'
    )
    return page("Connect your account", body, look=look, status=400 if fault else 200)
