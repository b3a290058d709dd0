"""Uses one authorization code, refresh token or device code many times at once, as a process of its own.

`python -m gatewayops.testing.oauth_race URL KIND ORG SERVER CLIENT TOKEN CHALLENGE TIMES` prints what came of
it, a word a use: for codes `taken` or `refused`, for a refresh token the successor or `refused`. It begins
when a line comes on standard input, so that several processes begin together.
"""

import asyncio
import sys

from gatewayops.identity.oauth import tokens
from gatewayops.store.control import oauth_devices, oauth_grants
from gatewayops.store.control.database import Database
from gatewayops.store.control.oauth_devices import DeviceUse
from gatewayops.store.control.oauth_grants import CodeUse, Grant, Successor


async def use_code(
    database: Database, org_id: str, server_id: str, client_ref: str, token: tuple[str, str]
) -> str:
    """`token` is the code and its challenge."""
    use = CodeUse(server_id, client_ref, tokens.digest(token[0]), token[1], "")
    async with database.session() as session:
        grant = await oauth_grants.use_code(
            session, org_id=org_id, use=use, refresh_digest=tokens.digest(tokens.new_token("rt"))
        )
    return "taken" if grant is not None else "refused"


async def use_device(
    database: Database, org_id: str, server_id: str, client_ref: str, token: tuple[str, str]
) -> str:
    """`token` is the device's code, and nothing."""
    refresh = tokens.digest(tokens.new_token("rt"))
    use = DeviceUse(server_id, client_ref, tokens.digest(token[0]), refresh)
    async with database.session() as session:
        found = await oauth_devices.use(session, org_id=org_id, use=use)
    return "taken" if isinstance(found, Grant) else "refused"


async def use_refresh(
    database: Database, org_id: str, server_id: str, client_ref: str, token: tuple[str, str]
) -> str:
    """The successor that the caller is told."""
    fresh = tokens.new_token("rt")
    successor = Successor(tokens.digest(fresh), tokens.seal_successor(fresh, replaced=token[0]))
    async with database.session() as session:
        rotated = await oauth_grants.use_refresh(
            session,
            server=(org_id, server_id),
            client_ref=client_ref,
            digest=tokens.digest(token[0]),
            successor=successor,
        )
    return (
        "refused" if rotated is None else tokens.open_successor(rotated.successor_sealed, replaced=token[0])
    )


async def _race(url: str, kind: str, *which: str) -> list[str]:
    org_id, server_id, client_ref, token, challenge, times = which
    database = Database.open(url)
    use = {"code": use_code, "device": use_device, "refresh": use_refresh}[kind]
    async with database.reading():
        await asyncio.to_thread(sys.stdin.readline)
    uses = (use(database, org_id, server_id, client_ref, (token, challenge)) for _ in range(int(times)))
    found = await asyncio.gather(*uses)
    await database.close()
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(asyncio.run(_race(*sys.argv[1:]))))
