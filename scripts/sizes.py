"""Enforces the sizes of style.md: 500 lines a source file, 600 a test file, 60 a function."""

import ast
import sys
from pathlib import Path

ROOTS = {"src": 500, "bench": 500, "scripts": 500, "tests": 600}
FUNCTION_LINES = 60


def too_long(path: Path, limit: int) -> list[str]:
    """What in this file is over its limit, a line each."""
    text = path.read_text()
    lines = text.count("\n")
    found = [f"{path}: {lines} lines, at most {limit}"] if lines > limit else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
                )
    return found


def main() -> int:
    """Prints what is too long; 1 when there is any."""
    found = [
        line
        for root, limit in ROOTS.items()
        for path in sorted(Path(root).rglob("*.py"))
        for line in too_long(path, limit)
    ]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
