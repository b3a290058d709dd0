"""What a page shows, as a file for a spreadsheet."""

import csv
import io

import pytest

from gatewayops.web.csv_answer import csv_answer


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil")', "+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_no_cell_counts_as_a_formula(text):
    answer = csv_answer("traces", ("agent", "cost"), [(text, -1.5)])

    _, row = csv.reader(io.StringIO(bytes(answer.body).decode()))
    assert row == [f"'{text}", "-1.5"]


def test_no_name_ends_the_header_that_it_stands_in():
    answer = csv_answer('costs-2026-01-01\r\n\r\n"\u2003<b>', ("group",), [])

    assert answer.headers["content-disposition"] == 'attachment; filename="costs-2026-01-01b.csv"'
