"""Passwords of users: who may sign in with an e-mail address, and the change of a password."""

import msgspec
from sqlalchemy import bindparam, exists, or_, select, update
from sqlalchemy.orm import aliased

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control.account_tables import UserPassword
from gatewayops.store.control.database import Session
from gatewayops.store.control.sso_tables import UserIdentity, is_password_shut
from gatewayops.store.control.tables import Organisation, User


class Account(msgspec.Struct, frozen=True):
    """A user with a password, as signing in needs them."""

    user_id: str
    org_id: str
    email: str
    name: str
    team_id: str
    password_hash: str


class Membership(msgspec.Struct, frozen=True):
    """An organisation in which an e-mail address may sign in."""

    id: str
    slug: str
    name: str


_NAMED = (Organisation.id, Organisation.slug, Organisation.name)
_OWN = select(*_NAMED).where(Organisation.id == bindparam("org_id"))
_KNOWN = (  # made once, as each page asks
    select(*_NAMED)
    .join(User, User.org_id == Organisation.id)
    .join(UserPassword, UserPassword.user_id == User.id)
    .where(User.email == bindparam("email"), User.disabled_at.is_(None))
    .order_by(UserPassword.created_at, User.id)
)
_OWN_ONLY = _KNOWN.where(User.org_id == bindparam("org_id"))
_BY_MAIL = aliased(UserPassword)
_MEMBERSHIPS = _KNOWN.where(
    or_(
        User.org_id == bindparam("org_id"),
        exists().where(
            _BY_MAIL.org_id == bindparam("org_id"),
            _BY_MAIL.user_id == bindparam("user_id"),
            _BY_MAIL.is_by_mail,
        ),
    )
)


async def account(session: Session, *, email: str, organization: str = "") -> Account | None:
    """Who signs in with this address: in the organisation of that slug, else in the oldest that has them."""
    found = await accounts(session, email=email, organization=organization, most=1)
    return found[0] if found else None


async def accounts(session: Session, *, email: str, organization: str, most: int) -> tuple[Account, ...]:
    """Who may be meant with this address, the oldest first; not who must come in by an identity provider.

    Whoever signs in has no organisation yet, so this reads over all of them.
    """
    query = (
        select(User, UserPassword.password_hash)
        .join(UserPassword, UserPassword.user_id == User.id)
        .where(User.email == email.lower(), User.disabled_at.is_(None), ~is_password_shut())
        .order_by(UserPassword.created_at, User.id)
        .limit(most)
    )
    if organization:
        query = query.join(Organisation, Organisation.id == User.org_id)
        query = query.where(Organisation.slug == organization)
    return tuple(_account(user, hashed) for user, hashed in await session.execute(query))


async def of_user(session: Session, *, org_id: str, user_id: str) -> Account | None:
    """The same of a user who is known; None without a password."""
    query = (
        select(User, UserPassword.password_hash)
        .join(UserPassword, UserPassword.user_id == User.id)
        .where(User.org_id == org_id, User.id == user_id)
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else _account(found[0], found[1])


async def memberships(
    session: Session, *, org_id: str, user_id: str, email: str, provider_id: str
) -> tuple[Membership, ...]:
    """Where this address has a password, the oldest first; where single sign-on is required it opens nothing.

    Others than the user's own organisation only if they have shown that the mailbox is theirs: whoever
    administers one organisation could make a user with anybody's address. Nor does an organisation's own
    identity provider show it, so to a session of such (`provider_id`) the others stay unsaid.
    """
    query = _OWN_ONLY if provider_id else _MEMBERSHIPS
    given = {"org_id": org_id, "email": email.lower()} | ({} if provider_id else {"user_id": user_id})
    return tuple(Membership(*row) for row in await session.execute(query, given))


async def own(session: Session, *, org_id: str) -> Membership:
    """The organisation itself. Raises NotFound."""
    row = (await session.execute(_OWN, {"org_id": org_id})).one_or_none()
    if row is None:
        msg = "no such organisation"
        raise NotFound(msg)
    return Membership(*row)


async def is_by_mail(session: Session, *, org_id: str, user_id: str) -> bool:
    """Whether they chose their password by a link that went to their address: the mailbox is theirs."""
    known = UserPassword.org_id == org_id, UserPassword.user_id == user_id
    return bool(await session.scalar(select(UserPassword.is_by_mail).where(*known)))


async def is_any(session: Session) -> bool:
    """Whether anybody at all can sign in: has a password, or came in by an identity provider."""
    if await session.scalar(select(UserPassword.id).limit(1)) is not None:
        return True
    return await session.scalar(select(UserIdentity.id).limit(1)) is not None


async def put(
    session: Session, *, org_id: str, user_id: str, password_hash: str, is_by_mail: bool | None = None
) -> None:
    """Sets or changes it; ending sessions is the caller's to do. `is_by_mail`: None leaves it as it was."""
    query = select(UserPassword).where(UserPassword.org_id == org_id, UserPassword.user_id == user_id)
    row = await session.scalar(query)
    if row is None:
        row = UserPassword(id=new_id("pwd"), org_id=org_id, user_id=user_id, is_by_mail=False)
        session.add(row)
    row.password_hash = password_hash
    row.changed_at = clock.now()
    if is_by_mail is not None:
        row.is_by_mail = is_by_mail
    await session.flush()


async def renew(session: Session, account: Account, *, password_hash: str) -> None:
    """The same password at today's cost: no change that anybody decided, so none for the audit log.

    Nothing happens when the password was changed meanwhile.
    """
    known = update(UserPassword).where(
        UserPassword.org_id == account.org_id,
        UserPassword.user_id == account.user_id,
        UserPassword.password_hash == account.password_hash,
    )
    await session.execute(
        known.values(password_hash=password_hash), execution_options={"synchronize_session": False}
    )


def _account(user: User, password_hash: str) -> Account:
    return Account(
        user_id=user.id,
        org_id=user.org_id,
        email=user.email,
        name=user.name,
        team_id=user.team_id or "",
        password_hash=password_hash,
    )
