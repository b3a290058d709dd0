"""A trace as text: its calls as a tree, each with a bar of when it ran and where the time went. Pure."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from gatewayops.cli.shown import Money, cell, moment, printable

_BAR = 32
_BODY_LINES = 12
_WIDTH = 110


def trace_lines(trace: dict[str, Any]) -> Iterator[str]:
    """The lines that show a trace, given the API's object."""
    context = trace["context"]
    cost, calls = cell(Money(trace["total_cost"])), _counted(trace["call_count"], "call")
    if trace["span_count"] > trace["call_count"]:
        calls += ", " + _counted(trace["span_count"], "span")
    yield f"{trace['id']}  {trace['status']}  {trace['duration_ms']:.1f} ms  {cost}"
    yield f"{moment(trace['start_time'])} UTC, {calls}, {_counted(trace['error_count'], 'error')}"
    who = {name: context.get(f"{name}_id") for name in ("user", "team", "project", "key")}
    known = {"agent": context.get("agent_name"), "environment": context.get("environment")} | who
    yield ", ".join(f"{name} {cell(value)}" for name, value in known.items() if value) or "nobody known"
    for depth, span in _tree(trace["spans"]):
        yield ""
        yield from _span_lines(span, depth, trace)


def _tree(spans: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Spans with their depth, children behind their parent, in order of start."""
    known = {span["id"] for span in spans}
    below: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        parent = span["parent_id"]
        below.setdefault(parent if parent in known and parent != span["id"] else "", []).append(span)
    shown: set[str] = set()
    waiting = [(0, span) for span in reversed(below.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        if span["id"] in shown:
            continue
        shown.add(span["id"])
        yield depth, span
        waiting += [(depth + 1, child) for child in reversed(below.get(span["id"], []))]


def _span_lines(span: dict[str, Any], depth: int, trace: dict[str, Any]) -> Iterator[str]:
    indent = "  " * min(depth, 10)
    what = "/".join(filter(None, (span["server"], span["tool"] or span["resource_uri"])))
    yield f"{indent}{_bar(span, trace)} {printable(span['operation'])} {printable(what)}".rstrip()
    if span["source"] == "otlp":
        yield from _exported_lines(span, indent)
        return
    timings = span["timings"]
    spent = ", ".join(f"{part} {timings[f'{part}_ms']:.2f}" for part in ("auth", "policy", "upstream"))
    yield f"{indent}  {span['status']}, {timings['total_ms']:.2f} ms ({spent}), {cell(Money(span['cost']))}"
    if span["reason"] or span["error"]:
        yield f"{indent}  {cell(span['reason'])}: {cell(span['error'])}"
    for name in ("request", "response"):
        yield from _body_lines(name, span, indent)


def _exported_lines(span: dict[str, Any], indent: str) -> Iterator[str]:
    """A span of somebody else's: who said it, and what happened meanwhile."""
    who = " ".join(filter(None, (span["kind"], "span of", span["service"] or "an unnamed service")))
    yield f"{indent}  {span['status']}, {span['duration_ms']:.2f} ms, {printable(who)}"
    if span["error"]:
        yield f"{indent}  {cell(span['error'])}"
    for event in span["events"][:_BODY_LINES]:
        yield f"{indent}  {moment(event['time'])} {cell(event['name'])}"
    for name in ("request", "response"):
        yield from _body_lines(name, span, indent)


def _bar(span: dict[str, Any], trace: dict[str, Any]) -> str:
    whole: float = max(trace["duration_ms"], 0.001)
    offset_ms = _seconds(span["start_time"], trace["start_time"]) * 1000
    begin = min(int(offset_ms / whole * _BAR), _BAR - 1)
    length: int = max(1, min(round(span["duration_ms"] / whole * _BAR), _BAR - begin))
    return "[" + "." * begin + "=" * length + "." * (_BAR - begin - length) + "]"


def _seconds(later: str, earlier: str) -> float:
    return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())


def _body_lines(name: str, span: dict[str, Any], indent: str) -> Iterator[str]:
    body = span[name]
    if body is None:
        return
    size = f"{span[f'{name}_bytes']} bytes" + (", cut" if span[f"{name}_truncated"] else "")
    yield f"{indent}  {name} ({size})"
    text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
    lines = text.splitlines()
    for line in lines[:_BODY_LINES]:
        yield f"{indent}    {printable(line[:_WIDTH])}" + ("…" if len(line) > _WIDTH else "")
    if len(lines) > _BODY_LINES:
        yield f"{indent}    … {len(lines) - _BODY_LINES} more lines: add --json"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
