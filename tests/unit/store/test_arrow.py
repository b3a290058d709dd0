"""Rows as Arrow streams: what is the same all through is written as what is not, and blocks join in order."""

import subprocess
import sys

import pytest

from gatewayops.store.telemetry.arrow import Block, joined, stream

KINDS = (("ts", "timestamp"), ("id", "string"), ("n", "int32"), ("ok", "bool"), ("value", "float64"),
         ("counts", "ints"), ("attributes", "map"))  # fmt: skip
ROW = {"ts": 7, "id": "a", "n": -1, "ok": True, "value": None, "counts": [1, 2], "attributes": {"k": "v"}}


def columns(*rows):
    return {name: [row[name] for row in rows] for name, _ in KINDS}


@pytest.mark.parametrize("count", [1, 63, 64, 500])
def test_a_column_of_one_value_is_that_value_in_each_row(rows_of, count):
    [*same, last] = rows_of(stream(KINDS, columns(*[ROW] * count, ROW | {"id": "b"})))

    assert len(same) == count
    assert all(row == same[0] for row in same)
    assert (same[0]["ts"], same[0]["id"], same[0]["n"], same[0]["counts"]) == (7, "a", -1, [1, 2])
    assert (last["id"], last["attributes"], last["value"]) == ("b", [("k", "v")], None)


def test_a_number_that_a_column_cannot_hold_is_cut_in_either_case(rows_of):
    rows = [ROW | {"n": 2**40}] * 100

    assert {row["n"] for row in rows_of(stream(KINDS, columns(*rows)))} == {2**31 - 1}


def test_blocks_join_in_order_under_the_name_of_their_batch(rows_of):
    blocks = [
        Block.read(stream(KINDS, columns(ROW, ROW | {"id": name, "ts": at})))
        for name, at in (("b", 9), ("c", 3))
    ]
    kinds = (*KINDS[:3], ("batch", "string"), *KINDS[3:])

    rows = rows_of(joined(kinds, blocks, batch="x"))

    assert [row["id"] for row in rows] == ["a", "b", "a", "c"]
    assert list(rows[0]) == [name for name, _ in kinds]
    assert {row["batch"] for row in rows} == {"x"}


def test_a_block_knows_its_moments_and_what_is_left_of_it():
    block = Block.read(stream(KINDS, columns(ROW, ROW | {"id": "b", "ts": 3})))

    assert (block.rows, block.bounds_ns()) == (2, (3, 7))
    assert block.without("id", {"a", "z"}).rows == 1
    assert block.without("id", {"a", "b"}).rows == 0


def test_a_batch_loads_no_pandas_and_whoever_wants_it_gets_it():
    code = """
import sys
from gatewayops.store.telemetry.arrow import stream
stream([("n", "int64"), ("s", "string")], {"n": [1, 2], "s": ["a", "b"]})
assert "pandas" not in sys.modules
import pandas
"""
    subprocess.run([sys.executable, "-c", code], check=True)
