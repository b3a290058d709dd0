"""Weekly cohorts: of the users first seen in a week, how many called in each week after."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.visit import Visit

_SHADES = 5


async def show(visit: Visit) -> Response:
    """A row a cohort, a column a week; `format=csv` has the shares."""
    asked = question_asked(visit)
    found, servers = await asyncio.gather(
        visit.rest.recent("/v1/analytics/retention", **asked.query), asked.servers()
    )
    cohorts = found["cohorts"]
    weeks = max((len(one["rates"]) for one in cohorts), default=0)
    if visit.asked("format") == "csv":
        columns = ("week", "users", *(f"week_{at}" for at in range(weeks)))
        return csv_answer(
            f"retention-{asked.file_name}",
            columns,
            ([one["week"], one["users"], *one["rates"]] for one in cohorts),
        )
    return asked.draw(
        "analytics/retention.html",
        servers,
        weeks=weeks,
        cohorts=[
            one
            | {
                "cells": [
                    (rate, users, shade(rate))
                    for rate, users in zip(one["rates"], one["active"], strict=True)
                ]
            }
            for one in cohorts
        ],
    )


def shade(rate: float) -> str:
    """The class of a cell: h0 (nobody) to h5 (four fifths and more)."""
    return f"h{min(_SHADES, int(rate * _SHADES) + 1) if rate > 0 else 0}"
