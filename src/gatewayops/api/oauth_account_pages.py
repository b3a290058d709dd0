"""The pages for an end user's own account: confirming an address, and a new password."""

from html import escape

from fastapi.responses import HTMLResponse

from gatewayops.api.oauth_look import Look
from gatewayops.api.oauth_pages import fault_line, hidden_field, page


def look_into_mail(look: Look, email: str) -> HTMLResponse:
    """The same for everybody: whether there is such a person shows in the mailbox only."""
    body = (
        f"<p>If <b>{escape(email)}</b> can have one, a mail is on its way, with a link to go on. "
        "It works once, and not for long.</p>"
        "<p>You may close this page. If nothing comes, look among unwanted mail.</p>"
    )
    return page("Look into your mail", body, look=look)


def forgot(look: Look, hidden: str, *, email: str = "", fault: str = "") -> HTMLResponse:
    """The form for the address."""
    body = (
        f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b></p><p>A link to choose a new one is sent "
        f'to your address.</p><form method="post">{hidden}'
        f'<label>E-mail <input name="email" type="email" value="{escape(email)}" required autofocus '
        'autocomplete="username" maxlength="254"></label><p><button>Send the link</button></p></form>'
    )
    return page("Forgot your password?", body, look=look, status=400 if fault else 200)


def reset(look: Look, token: str, *, email: str, least: int, fault: str = "") -> HTMLResponse:
    """The form for a new password."""
    body = (
        f"{fault_line(fault)}<p>to use <b>{escape(look.name)}</b>. Wherever you are signed in, you will be "
        f'signed out.</p><form method="post">{hidden_field("token", token)}{_whose(email)}'
        f'<label>Password, at least {least} characters <input name="password" type="password" required '
        f'autofocus autocomplete="new-password" minlength="{least}" maxlength="256"></label>'
        "<p><button>Set the password</button></p></form>"
    )
    return page("Choose a new password", body, look=look, status=400 if fault else 200)


def verify(look: Look, token: str, *, email: str, fault: str = "") -> HTMLResponse:
    """Asks for the password: a link alone would let in whoever made an account with another's address."""
    body = (
        f"{fault_line(fault)}<p>Type the password that you chose for <b>{escape(look.name)}</b>. If you "
        "chose none, close this page: somebody else did, and gets no further without you.</p>"
        f'<form method="post">{hidden_field("token", token)}{_whose(email)}'
        '<label>Password <input name="password" type="password" required autofocus '
        'autocomplete="current-password" maxlength="256"></label><p><button>Confirm</button></p></form>'
    )
    return page("Confirm your address", body, look=look, status=400 if fault else 200)


def no_such_link(look: Look) -> HTMLResponse:
    """Used, over, or never made."""
    text = "This link was used, has expired, or was never made. Ask for a new one."
    return page("No such link", f'<p class="fault">{text}</p>', look=look, status=404)


def done(look: Look, title: str, *, onward_url: str) -> HTMLResponse:
    """After the deed: on with what began in this browser, or back to the app."""
    body = "<p>Go back to the app that sent you here, and connect again.</p>"
    if onward_url:
        body = f'<p><a href="{escape(onward_url)}">Go on and sign in</a></p>'
    return page(title, body, look=look)


def _whose(email: str) -> str:
    """For the person, and for what keeps their passwords; nobody reads it from the form."""
    field = f'<input type="email" value="{escape(email)}" readonly autocomplete="username">'
    return f"<label>E-mail {field}</label>"
