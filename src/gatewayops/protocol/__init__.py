"""MCP messages of both eras: envelope, headers, SSE. Unknown fields pass through untouched."""
