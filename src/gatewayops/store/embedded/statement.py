"""What the store must know of a statement before chDB gets it: does it carry data, does it only read.

Pure text work. ClickHouse's HTTP interface puts the rows of an INSERT behind the statement, in the
same body; chDB takes statement and rows apart.
"""

import re
from dataclasses import dataclass

_INSERT = re.compile(
    rb"""\s*INSERT\s+INTO\s+(?:TABLE\s+)?
    [\w.`"]+\s*                       # the table
    (?:\([^()]*\)\s*)?               # its columns
    (?:SETTINGS\s+[^;]*?)?
    (?P<format>\bFORMAT\s+(?P<name>\w+))[ \t]*;?(?:\r?\n)?""",
    re.IGNORECASE | re.VERBOSE,
)
_READS = re.compile(r"\s*(?:SELECT|WITH|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN)\b", re.IGNORECASE)
_CHANGES_SESSION = re.compile(r"\s*(?:SET|USE)\b", re.IGNORECASE)
_FORMAT_AT_END = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_HEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that chDB runs as it is; its answer comes in `output` unless it says FORMAT itself."""

    sql: str
    output: str


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT without its FORMAT clause, the format, and the rows in that format."""

    sql: str
    input: str
    rows: bytes


Statement = Question | Insert


def parse(query: str, body: bytes, *, default_format: str) -> Statement:
    """The statement of a request: the `query` parameter, and the body behind it.

    Raises UnicodeDecodeError when a statement that carries no rows is not UTF-8.
    """
    whole = query.encode() + b"\n" + body if query and body else query.encode() or body
    found = _INSERT.match(whole, 0, _HEAD_BYTES)
    if found is None:
        sql = whole.decode()
        named = _FORMAT_AT_END.search(sql)
        return Question(sql=sql, output=named.group(1) if named else default_format)
    return Insert(
        sql=whole[: found.start("format")].decode(),
        input=found.group("name").decode(),
        rows=whole[found.end() :],
    )


def only_reads(statement: Statement) -> bool:
    """Whether it may come by GET, as in ClickHouse."""
    return isinstance(statement, Question) and _READS.match(statement.sql) is not None


def changes_session(statement: Statement) -> bool:
    """Whether it leaves traces on its connection, which the next request must not see."""
    return isinstance(statement, Question) and _CHANGES_SESSION.match(statement.sql) is not None
