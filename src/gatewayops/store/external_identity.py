"""ExternalIdentity: who an identity provider says that somebody is, whatever protocol it spoke.

It stands this low because who verifies it (identity, upstream) and who admits it (store.control) need it.
"""

import msgspec


class ExternalIdentity(msgspec.Struct, frozen=True):
    """One sign-in's facts. `subject` is unique and stable within `issuer`; nothing else says who a person is.

    `email` is lower case, empty when the provider gives none, and proves nothing unless `email_verified`: an
    address that its provider only repeats may be anybody's. `groups` are names or ids, as the provider spells
    them.
    """

    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    groups: tuple[str, ...] = ()
