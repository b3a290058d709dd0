"""Rows of a page as a CSV file; what a spreadsheet would take for a formula is made text."""

import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from gatewayops.record.audit.export import cell, csv_lines

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download called `name`.csv, without what could end the header; None is an empty cell."""
    lines = [columns, *([cell("" if one is None else one) for one in row] for row in rows)]
    headers = {
        "Content-Disposition": f'attachment; filename="{_NOT_IN_NAMES.sub("", name)}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(csv_lines(lines), media_type="text/csv; charset=utf-8", headers=headers)
