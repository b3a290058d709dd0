"""Rate limits: how often a user, a team, a key, a server's callers or the whole organisation may call."""
