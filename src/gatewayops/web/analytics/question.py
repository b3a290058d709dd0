"""What every page of analytics is asked: a period and a server, and how they are drawn."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.days import PRESETS, Days, days_asked
from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit

_SERVERS = 200
TABS = (
    ("Users", "/analytics"),
    ("Retention", "/analytics/retention"),
    ("Funnel", "/analytics/funnel"),
    ("Journeys", "/analytics/journeys"),
    ("Tools", "/analytics/tools"),
    ("Argument values", "/analytics/arguments"),
    ("Intents", "/analytics/intents"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """`server` is empty for all of them; `servers` are those to choose from."""

    visit: Visit
    days: Days
    server: str

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the API."""
        return {**self.days.query, "server": self.server}

    @property
    def file_name(self) -> str:
        """The end of a download's name."""
        return f"{self.days.start}-{self.days.end}"

    async def servers(self) -> list[str]:
        """Names to choose from, where this person may list them."""
        found = await if_allowed(self.visit.rest.get("/v1/servers", limit=_SERVERS))
        return sorted(row["name"] for row in found["servers"]) if found else []

    def draw(self, template: str, servers: list[str], **values: Any) -> Response:  # noqa: ANN401 - what the template names
        """A page of the area."""
        return draw(
            self.visit,
            template,
            days=self.days,
            presets=PRESETS,
            server=self.server,
            servers=servers if not self.server or self.server in servers else [self.server, *servers],
            tab_links=[(label, f"{path}?{self._kept}" if self._kept else path) for label, path in TABS],
            **values,
        )

    @property
    def _kept(self) -> str:
        """What goes along to the other pages of the area."""
        names = ("period", "start_date", "end_date", "server")
        return urlencode({name: self.visit.asked(name) for name in names if self.visit.asked(name)})


def question_asked(visit: Visit) -> Question:
    """As the page's address says."""
    return Question(visit, days_asked(visit), visit.asked("server"))
