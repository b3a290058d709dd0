"""Rows of a page as a CSV file; what a spreadsheet would take for a formula is made text."""

from collections.abc import Iterable, Sequence

from starlette.responses import Response

from gatewayops.record.audit.export import cell, csv_lines


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download called `name`.csv; None is an empty cell."""
    lines = [columns, *([cell("" if one is None else one) for one in row] for row in rows)]
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(csv_lines(lines), media_type="text/csv; charset=utf-8", headers=headers)
