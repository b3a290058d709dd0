"""Where people and programs reach an installation: what banners and links begin with."""

from gatewayops.settings import Settings


def address_of(settings: Settings) -> str:
    """The public address, else that of this machine; without a slash at the end."""
    return settings.gateway.public_url.rstrip("/") or local_url(settings)


def local_url(settings: Settings) -> str:
    """Where this machine reaches the gateway."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.gateway.host, settings.gateway.host)  # noqa: S104 - replaces it
    return (
        f"http://[{host}]:{settings.gateway.port}"
        if ":" in host
        else f"http://{host}:{settings.gateway.port}"
    )
