"""GatewayOps, the control plane for MCP. The packages in the order in which a call meets them:

gateway   1 the machines' door: MCP transports, streaming; pipeline.py is the whole path of a call
identity  2 who is calling: keys, sessions, tokens (oauth), others' word (federation, saml) -> Principal
policy    3 may they: roles, held tools, limits, arguments; worked out once as the terms of a kind of call
upstream  4 the MCP servers behind: registry, HTTP pool, address check, breaker, retries
record    5 what happened: CallRecord, masking, spool, recorder, the proofs of the audit log
store     6 what we keep: control (keys, rules, ledger, audit), secrets, telemetry (ClickHouse): all SQL
query     7 the questions people ask, as functions that return plain rows
api, web  8 the doors for programs and people: REST; the dashboard, which asks it; cli is REST in a terminal
Beside them: alerts (rules, incidents, channels), cost (prices, budgets), hosting (the demo server), demo
(a month of invented calls), protocol (MCP messages), base (errors, ids, crypto), settings (the tree of
settings), app (builds and supervises the roles), testing (fakes).
"""

__version__ = "0.1.0"
