"""The Principal: who is calling, for whom, and with which scopes."""

import msgspec

KEY, END_USER, ANONYMOUS = "key", "end_user", "anonymous"
PERSON = "user"  # of the organisation, signed in to the control API


class Principal(msgspec.Struct, frozen=True):
    """A known caller. Empty ids mean "not bound to one".

    `key_id` tells callers of an organisation apart, also those without a key: an end user at a client, an
    anonymous caller. `servers` and `actions` are the scopes: exact names, `*`, or `tools.*` patterns.
    """

    org_id: str
    key_id: str
    key_name: str = ""
    env: str = ""
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    servers: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    is_local_admin: bool = False  # the person at the machine, through the CLI with --data
    kind: str = KEY
    client_id: str = ""  # the OAuth client through which an end user calls

    @property
    def is_person(self) -> bool:
        """Signed in, without a key: holds nothing but by roles and policies."""
        return self.kind == PERSON


def grants(patterns: tuple[str, ...], wanted: str) -> bool:
    """Whether any pattern covers the name: `*` covers all, `tools.*` what begins with `tools.`.

    >>> grants(("tools.*", "traces.read"), "tools.call")
    True
    """
    for pattern in patterns:
        if pattern in ("*", wanted):
            return True
        if pattern.endswith(".*") and wanted.startswith(pattern[:-1]):
            return True
    return False
