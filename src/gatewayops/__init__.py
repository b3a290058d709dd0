"""GatewayOps, the control plane for MCP. The packages in the order in which a call meets them:

gateway   1 the machines' door: MCP transports, streaming; pipeline.py is the whole path of a call
identity  2 who is calling: API keys -> Principal
policy    3 may they: every rule answers Allow or Deny(reason)
upstream  4 the MCP servers behind: registry, HTTP pool, address check
record    5 what happened: CallRecord, masking, spool, recorder
store     6 what we keep: control (accounts, keys, servers), telemetry (ClickHouse); all SQL lives here
query     7 the questions people ask, as functions that return plain rows
api       8 the door for people and programs: REST; cli is the same in a terminal
Beside them: cost (prices), hosting (the demo server), protocol (MCP messages), base (errors, clock, ids,
crypto), settings (the tree of settings), app (builds and supervises the roles), testing (fakes).
"""

__version__ = "0.1.0"
