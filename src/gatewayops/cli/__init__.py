"""The `gatewayops` command: a file a noun; every command is a twin of a REST route, or starts a role."""

from gatewayops.cli.root import main

__all__ = ["main"]
