"""Users' own accounts at the servers behind: we are an MCP OAuth client here, on their behalf.

`discovery` finds where to sign in, `registration` makes us a client there, `tokens` gets, renews and revokes
tokens; all of that in the control role. `held` is what a gateway worker has: one token a user and server.
"""
