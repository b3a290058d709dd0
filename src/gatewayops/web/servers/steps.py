"""How people write steps and patterns: a line each, as `set /limit 100`, `card = report = [0-9]+`."""

import json

from gatewayops.web.rest import Json, Refused

_PARTS = {"set": 3, "rename": 3, "remove": 2}
_FIELDS_OF_A_PATTERN = 3


def steps(text: str, label: str) -> list[Json]:
    """`set PATH JSON`, `rename PATH NAME`, `remove PATH`. Raises Refused that names the line."""
    return [
        _step(line, f"{label}, line {at}") for at, line in enumerate(text.splitlines(), 1) if line.strip()
    ]


def patterns(text: str) -> list[Json]:
    """`NAME = MODE = PATTERN`, as the command line has it. Raises Refused."""
    found = []
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("=", 2)]
        if len(parts) != _FIELDS_OF_A_PATTERN:
            raise Refused(400, {"message": f"own patterns, line {at}: write name = report = pattern"})
        found.append({"name": parts[0], "mode": parts[1], "pattern": parts[2]})
    return found


def told(steps_of: list[Json]) -> list[str]:
    """Steps as the lines that make them."""
    lines = []
    for step in steps_of:
        rest = json.dumps(step["value"], ensure_ascii=False) if step["op"] == "set" else step.get("to") or ""
        lines.append(f"{step['op']} {step['path']} {rest}".rstrip())
    return lines


def _step(line: str, where: str) -> Json:
    op, *rest = line.split(None, 2)
    if _PARTS.get(op) != 1 + len(rest):
        message = f"{where}: write set PATH JSON, rename PATH NAME, or remove PATH"
        raise Refused(400, {"message": message})
    step: Json = {"op": op, "path": rest[0]}
    if op == "rename":
        step["to"] = rest[1].strip()
    if op == "set":
        try:
            step["value"] = json.loads(rest[1])
        except (ValueError, RecursionError):
            message = f'{where}: {rest[1][:60]} is no JSON; texts stand in quotes, as "text"'
            raise Refused(400, {"message": message}) from None
    return step
