"""Browsing: a person in a real Chromium, signed in to an installation's dashboard.

Whatever a page complains about in the browser's console (a script that fails, a policy that is broken, a file
that is missing) is kept, and fails `check_quiet`.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from gatewayops.testing import chromium

Scheme = Literal["light", "dark"]
WIDE, NARROW = 1440, 390
_HEIGHT = 900
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_WAIT_MS = 20_000
_CONTRAST = "color-contrast"  # takes longer than all other rules together
# Only faults cross to us, not what axe tells of rules that hold. What contrast is decided by is kept for the
# next time in this theme; what is given to axe is looked at with all that it contains.
_FAULTS = """async ([questions, scheme]) => {
  const names = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight"];
  const look = style => names.map(name => style[name]).join();
  const shown = [...document.querySelectorAll("body *")].filter(one => one.checkVisibility());
  const looks = new Map(shown.map(one => [one, look(getComputedStyle(one))]));
  const before = (window.looksBefore ??= {})[scheme];
  window.looksBefore[scheme] = looks;
  const faults = [];
  for (const [isOfChanged, how] of questions) {
    const where = isOfChanged ? shown.filter(one => looks.get(one) !== before?.get(one)) : document;
    if (isOfChanged && !where.length) continue;
    const found = await axe.run(where, {...how, resultTypes: ["violations"]});
    faults.push(...found.violations.flatMap(one =>
      one.nodes.map(node => `${one.id} (${one.impact}): ${node.html.slice(0, 200)}`)));
  }
  return faults;
}"""
_REFUSAL = re.compile(r"responded with a status of 4(00|03|09|22|29) ")  # told on the page, as it should be


def launch(playwright: Playwright, cache: Path) -> Browser:
    """The system's Chromium, headless."""
    return playwright.chromium.launch(executable_path=chromium.executable(cache), args=list(chromium.FLAGS))


class Person:
    """One person's browser window at one address; `page` is Playwright's."""

    def __init__(self, context: BrowserContext) -> None:
        """Opens an empty page; `Browsing.person` makes contexts."""
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_WAIT_MS)
        self.complaints: list[str] = []
        self._scheme: Scheme | None = None  # what it was opened with
        self._width = 0
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda told: self._heard(told.type, told.text))

    def sign_in(self, email: str, password: str) -> None:
        """By the forms, as a person does: first the address, then the password."""
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_role("button").first.click()
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").first.click()
        self.page.wait_for_url("**/")

    def open(self, path: str) -> Page:
        """The page at that path, when its scripts have run."""
        self.page.goto(path, wait_until="load")
        return self.page

    def check_quiet(self) -> None:
        """Raises AssertionError for anything the browser complained of."""
        assert not self.complaints, self.complaints

    def barriers(
        self, axe: Path, *, only_contrast: bool = False, contrast_of: Literal["all", "changed"] = "all"
    ) -> list[str]:
        """What axe-core finds wrong for people who cannot see or use a mouse; a line each.

        `only_contrast`: of a page that was asked already in another theme. `contrast_of="changed"`: of one
        that was asked in this theme, of what was not shown then, or in other colours or sizes.
        """
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe.read_text())
        is_of_changed = contrast_of == "changed"
        rest = {"runOnly": _RULES, "rules": {_CONTRAST: {"enabled": not is_of_changed}}}
        questions: list[tuple[bool, dict[str, Any]]] = [] if only_contrast else [(False, rest)]
        if only_contrast or is_of_changed:
            questions.append((is_of_changed, {"runOnly": [_CONTRAST]}))
        found: list[str] = self.page.evaluate(_FAULTS, [questions, self._scheme])
        return found

    def look_in(self, *, scheme: Scheme, width: int) -> None:
        """The same page in another theme and window, once its scripts have heard of it.

        A frame tells of the change before it calls those who wait for a frame (HTML, "update the rendering").
        """
        if scheme != self._scheme:
            self.page.emulate_media(color_scheme=scheme)
            self._scheme = scheme
        if width != self._width:
            self.page.set_viewport_size({"width": width, "height": _HEIGHT})
            self._width = width
        self.page.evaluate("() => new Promise(requestAnimationFrame)")

    def overflow_px(self) -> int:
        """By how much the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error" and not _REFUSAL.search(text):
            self.complaints.append(text)


class Browsing:
    """A browser and the installation that it looks at."""

    def __init__(self, browser: Browser, url: str, cookies: httpx.Cookies) -> None:
        """`url` is the installation's address; windows have these `cookies` of who is signed in."""
        self._browser = browser
        self.url = url
        self._cookies = cookies

    @contextlib.contextmanager
    def person(
        self,
        *,
        scheme: Scheme = "light",
        width: int = WIDE,
        is_known: bool = True,
        has_scripts: bool = True,
    ) -> Iterator[Person]:
        """A window of its own; `is_known`: signed in."""
        context = self._browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": _HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",  # colours that change are at once what they will be
            java_script_enabled=has_scripts,
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        if is_known:
            for name, value in self._cookies.items():
                context.add_cookies([{"name": name, "value": value, "url": self.url}])
        try:
            yield Person(context)
        finally:
            context.close()
