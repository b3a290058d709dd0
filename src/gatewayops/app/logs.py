"""How a role writes its log: lines on standard error, which `up` prefixes with the role's name."""

import logging
import sys

_QUIET = ("httpx", "httpcore", "mcp", "uvicorn.access", "uvicorn.error", "alembic", "asyncio", "casbin")


def log_to_stderr() -> None:
    """For this process; libraries only speak up about what is wrong."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
