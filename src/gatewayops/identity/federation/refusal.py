"""FederationRefused: what an identity provider answered does not prove who somebody is."""

from gatewayops.base.errors import Reason, Unauthenticated


class FederationRefused(Unauthenticated):
    """The detail says what was wrong, and holds no token, code or secret; it may be shown and logged."""

    reason = Reason.SIGN_IN_FAILED
