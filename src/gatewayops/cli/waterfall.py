"""A trace as text: the API's waterfall, each span with a bar of when it ran and where the time went. Pure."""

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
    yield from _latency_lines(trace["latency"])
    logs: dict[str | None, list[dict[str, Any]]] = {span["id"]: [] for span in trace["spans"]}
    elsewhere: list[dict[str, Any]] = []
    for log in trace["logs"]:
        logs.get(log["span_id"], elsewhere).append(log)
    for span in sorted(trace["spans"], key=lambda span: span["place"]["row"]):
        yield ""
        yield from _span_lines(span, span["place"], trace)
        yield from _meanwhile_lines(span["events"], logs[span["id"]], "  " * _depth(span["place"]))
    if elsewhere:
        yield ""
        yield "logged in no span of these"
        yield from _meanwhile_lines([], elsewhere, "")


def _meanwhile_lines(events: list[dict[str, Any]], logs: list[dict[str, Any]], indent: str) -> Iterator[str]:
    """A span's events and the log records that name it, in order of time."""
    told = [(event["time"], event["name"]) for event in events]
    told += [(log["time"], f"{_severity(log)} {log['body'] or log['event_name'] or ''}") for log in logs]
    for time, text in sorted(told)[:_BODY_LINES]:
        line = cell(text)
        yield f"{indent}  {moment(time)} {line[:_WIDTH]}" + ("…" if len(line) > _WIDTH else "")
    if len(told) > _BODY_LINES:
        yield f"{indent}  … {len(told) - _BODY_LINES} more: add --json"


def _severity(log: dict[str, Any]) -> str:
    return str(log["severity_text"] or log["severity"] or "log").lower()


def _depth(place: dict[str, Any]) -> int:
    return min(int(place["depth"]), 10)


def _latency_lines(latency: dict[str, Any] | None) -> Iterator[str]:
    """The split of all calls: parts that somebody measured, with their share of the total."""
    if latency is None:
        return
    total = max(latency["total_ms"], 0.001)
    is_split = latency["server_ms"] is not None
    parts = ("client", "auth", "policy", "gateway", *(("network", "server") if is_split else ("upstream",)))
    told = [
        f"{part} {latency[f'{part}_ms']:.2f} ms ({latency[f'{part}_ms'] / total:.0%})"
        for part in parts
        if latency[f"{part}_ms"] is not None
    ]
    yield f"{' → '.join(told)} = {latency['total_ms']:.2f} ms"


def _span_lines(span: dict[str, Any], place: dict[str, Any], trace: dict[str, Any]) -> Iterator[str]:
    indent = "  " * _depth(place)
    what = "/".join(filter(None, (span["server"], span["tool"] or span["resource_uri"])))
    yield f"{indent}{_bar(span, trace)} {printable(span['operation'])} {printable(what)}".rstrip()
    if place["clock_shift_ms"]:
        yield f"{indent}  drawn {place['clock_shift_ms']:+.3f} ms: its clock is not its caller's"
    if span["source"] == "otlp":
        yield from _exported_lines(span, indent)
        return
    yield f"{indent}  {span['status']}, {_spent(span)}, {cell(Money(span['cost']))}"
    if span["reason"] or span["error"]:
        yield f"{indent}  {cell(span['reason'])}: {cell(span['error'])}"
    for name in ("request", "response"):
        yield from _body_lines(name, span, indent)


def _spent(span: dict[str, Any]) -> str:
    timings = span["timings"]
    spent = ", ".join(f"{part} {timings[f'{part}_ms']:.2f}" for part in ("auth", "policy", "upstream"))
    return f"{timings['total_ms']:.2f} ms ({spent})"


def _exported_lines(span: dict[str, Any], indent: str) -> Iterator[str]:
    """A span of somebody else's: who said it, and what happened meanwhile."""
    who = " ".join(filter(None, (span["kind"], "span of", span["service"] or "an unnamed service")))
    yield f"{indent}  {span['status']}, {span['duration_ms']:.2f} ms, {printable(who)}"
    if span["error"]:
        yield f"{indent}  {cell(span['error'])}"
    for name in ("request", "response"):
        yield from _body_lines(name, span, indent)


def _bar(span: dict[str, Any], trace: dict[str, Any]) -> str:
    """When it ran within the trace: `#` where it is on the critical path, `=` where it is not."""
    whole: float = max(trace["duration_ms"], 0.001)
    offset_ms = _offset_ms(span, trace)
    begin = min(int(offset_ms / whole * _BAR), _BAR - 1)
    length: int = max(1, min(round(span["duration_ms"] / whole * _BAR), _BAR - begin))
    mark = "#" if span["place"]["on_critical_path"] else "="
    return "[" + "." * begin + mark * length + "." * (_BAR - begin - length) + "]"


def _offset_ms(span: dict[str, Any], trace: dict[str, Any]) -> float:
    later, earlier = (datetime.fromisoformat(one["start_time"]) for one in (span, trace))
    return max(0.0, (later - earlier).total_seconds() * 1000 + float(span["place"]["clock_shift_ms"]))


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
