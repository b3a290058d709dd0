"""Passwords of end users: as those of an organisation's own people, but shorter ones are allowed."""

from gatewayops.base.errors import InvalidInput
from gatewayops.identity import passwords

MIN_LENGTH = 10


class Passwords(passwords.Passwords):
    """One a process."""

    async def hash(self, password: str) -> str:
        """To be kept. Raises InvalidInput for a password that is too short or too long, TooMany."""
        if not MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
            msg = f"password: {MIN_LENGTH} to {passwords.MAX_LENGTH} characters"
            raise InvalidInput(msg)
        return await super().hash(password)
