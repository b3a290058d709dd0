"""OAuth for end users: the people whose MCP client signs in to a customer's MCP server."""
