"""Draws templates into answers: one environment, the headers of every page, and refusals as pages.

The policy lets pages load only what is ours, and run no script and no style that stands in the page itself.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatewayops import __version__
from gatewayops.web import assets, navigation
from gatewayops.web.addresses import changed
from gatewayops.web.rest import Refused
from gatewayops.web.visit import Visit, forget_told, told
from gatewayops.web.wording import FILTERS, trend

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin",  # a form's POST names its Origin only when the page may be named
    "Cache-Control": "no-store",
}
_FORBIDDEN = 403
_NOT_FOUND = 404
_SERVER_ERROR = 500


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gatewayops.web", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=True,  # one stat a template; whoever works on a page sees it at the next request
    )
    made.filters.update(FILTERS)
    made.globals.update(asset=assets.address, version=__version__, trend=trend, changed=changed)
    return made


def draw(visit: Visit, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - what the template names
    """The page of `template` (a path below `web`), with `visit` and `values` in it."""
    message = told(visit)
    html = (
        _environment()
        .get_template(template)
        .render(
            visit=visit,
            who=visit.who,
            groups=navigation.shown_to(visit),
            here=navigation.current(visit.request.url.path),
            theme=visit.request.cookies.get("gatewayops-theme", ""),
            told=message,
            **values,
        )
    )
    answer = HTMLResponse(html, status_code=status, headers=_HEADERS)
    if message:
        forget_told(answer)
    return answer


def draw_part(visit: Visit, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - what the template names
    """A part of a page, for htmx."""
    html = _environment().get_template(template).render(visit=visit, who=visit.who, **values)
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def refused(visit: Visit, error: Refused) -> Response:
    """The API's refusal: in the form that asked, or as a page of its own."""
    if visit.is_partial:
        return draw_part(visit, "frame/form_refused.html", status=error.status, error=error)
    return draw(visit, "frame/refused.html", status=error.status, error=error, title=_title(error.status))


def refused_before(request: Request, error: Refused) -> Response:
    """The same where it is not known who asks: plain text."""
    return Response(f"{error.message}\n", status_code=error.status, media_type="text/plain")


def _title(status: int) -> str:
    if status == _FORBIDDEN:
        return "You may not do this"
    if status == _NOT_FOUND:
        return "Not found"
    return "Something is not available" if status >= _SERVER_ERROR else "That did not work"
