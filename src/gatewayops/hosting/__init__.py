"""MCP servers that we run: today the demo server."""
