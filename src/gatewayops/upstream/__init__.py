"""The MCP servers behind: registry, address check, HTTP connections, and a client that speaks both eras."""
