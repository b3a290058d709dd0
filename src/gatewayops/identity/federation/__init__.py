"""Signing in at somebody else's: what an OpenID Connect relying party must check. Pure; who asks is upstream.

Shared by both populations: an organisation's own people, and end users of protected servers.
"""
