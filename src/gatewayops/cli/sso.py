"""`gatewayops sso`: identity providers at which an organisation's people sign in, and their domains.

`off` is for the day when a provider is away: at the machine nobody needs to sign in for it.
"""

import sys
from pathlib import Path
from typing import Any

import click

from gatewayops.cli.directory import id_of
from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    Command,
    as_json_option,
    cell,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
)

_ROUTE = "/v1/identity-providers"
_DOMAINS = "/v1/sso-domains"
_FIELDS = (
    *("scopes", "groups_claim", "trust_email", "create_users", "new_user_role", "new_user_team"),
    "session_hours",
)
_SAML = ("allow_idp_initiated", "allow_sha1")
_NOT_SAML = ("client_id", "scopes", "groups_claim")
_KINDS = ("oidc", "google", "github", "saml")
_name = click.argument("provider", metavar="NAME")


@click.group()
def sso() -> None:
    """Where people sign in, instead of with a password."""


@sso.group()
def domain() -> None:
    """E-mail domains whose people sign in at a provider."""


def _options(command: Command) -> Command:
    """What a provider of every kind has; None where nothing is given."""
    for option in reversed(
        (
            click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="Asked for; openid too."),
            click.option("--groups-claim", metavar="CLAIM", help="Where groups are told. [groups]"),
            click.option(
                "--trust-email/--check-email",
                "trust_email",
                default=None,
                help="Addresses in its domains count as verified though it does not say so.",
            ),
            click.option(
                "--create-users/--no-create-users",
                default=None,
                help="Who is new in its domains becomes a user.",
            ),
            click.option("--new-user-role", metavar="ROLE", help="What new users hold."),
            click.option("--new-user-team", metavar="TEAM", help="Where new users belong."),
            click.option(
                "--group", "groups", multiple=True, metavar="GROUP=ROLE", help="Members hold this role."
            ),
            click.option(
                "--group-team", "teams", multiple=True, metavar="GROUP=TEAM", help="Members are in it."
            ),
            click.option("--metadata", metavar="URL|FILE", help="Of SAML: what the provider says of itself."),
            click.option(
                "--idp-initiated/--no-idp-initiated",
                "allow_idp_initiated",
                default=None,
                help="Of SAML: answers that nobody asked for count too. [no]",
            ),
            click.option(
                "--sha1/--no-sha1", "allow_sha1", default=None, help="Of SAML: old signatures count. [no]"
            ),
            click.option(
                "--attribute",
                "attributes",
                multiple=True,
                metavar="WHAT=NAME",
                help="Of SAML: where subject, email, name or groups are told, if not as usual.",
            ),
            click.option("--session-hours", type=click.IntRange(1, 168), help="A session's longest. [168]"),
        )
    ):
        command = option(command)
    return command


@sso.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(_KINDS), default="oidc", show_default=True)
@click.option("--issuer", metavar="URL", help="What an OpenID Connect provider calls itself.")
@click.option("--client-id", metavar="ID", help="Of the app there; SAML has none.")
@click.option(
    "--no-secret", is_flag=True, help="The app has none: only PKCE proves us. Else it is asked for."
)
@click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input.")
@click.option("--private", "allow_private_network", is_flag=True, help="It is in a private network.")
@_options
@as_json_option
@reaches_api()
def add(door: Door, /, name: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Add a provider; then register the redirect URI there that is shown."""
    fixed = {key: given[key] for key in ("kind", "issuer", "client_id", "allow_private_network")}
    body = {"name": name} | {key: value for key, value in fixed.items() if value} | _given(given)
    is_saml = given["kind"] == "saml"
    if not is_saml and not given["client_id"]:
        msg = "--client-id: what the provider calls the app that you registered there"
        raise WrongUsage(msg)
    if not is_saml and not given["no_secret"]:
        body["client_secret"] = _secret(reads_stdin=given["secret_stdin"])
    told = door.ask("POST", _ROUTE, body)
    if as_json:
        show_json(told)
        return
    made = told["identity_provider"]
    shown = ("id", "name", "kind", "issuer", "redirect_uri") + (() if is_saml else ("client_id",))
    show_pairs({key: made[key] for key in shown} | (_ours(made) if is_saml else {}))


@sso.command("set")
@_name
@_options
@click.option("--ask-secret", is_flag=True, help="Ask for a new client secret.")
@click.option("--secret-stdin", is_flag=True, help="Read a new one from standard input.")
@click.option("--on/--off", "enabled", default=None, help="Off: nobody comes in by it, its sessions end.")
@as_json_option
@reaches_api()
def set_(door: Door, /, provider: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Change what is given. --group and --group-team replace all of before."""
    changes = _given(given)
    if given["enabled"] is not None:
        changes["enabled"] = given["enabled"]
    if given["ask_secret"] or given["secret_stdin"]:
        changes["client_secret"] = _secret(reads_stdin=given["secret_stdin"])
    if not changes:
        msg = "nothing to change: see gatewayops sso set --help"
        raise WrongUsage(msg)
    _changed(door, provider, changes, f"{provider} is changed.", as_json=as_json)


@sso.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the providers."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["name", "kind", "issuer", "on", "required"],
        (
            (row["name"], row["kind"], row["issuer"], row["enabled"], row["sso_required"])
            for row in told["identity_providers"]
        ),
        empty="Nobody signs in at an identity provider. Add one: gatewayops sso add --help",
        as_json=as_json,
    )


@sso.command("show")
@_name
@as_json_option
@reaches_api()
def show(door: Door, provider: str, *, as_json: bool) -> None:
    """Show a provider."""
    told = door.ask("GET", _route(provider))
    if as_json:
        show_json(told)
        return
    row = told["identity_provider"]
    gives = [
        f"{one['group']}: {' and '.join(filter(None, (one['role_id'], one['team_id'])))}"
        for one in row["group_mappings"]
    ]
    saml = row.pop("saml") or {}
    if saml:
        saml["certificates"] = ", ".join(f"until {one['valid_until'][:10]}" for one in saml["certificates"])
        saml["attributes"] = ", ".join(f"{key}: {cell(value)}" for key, value in saml["attributes"].items())
    shown = row | {"scopes": " ".join(row["scopes"]), "group_mappings": ", ".join(gives)} | saml
    show_pairs({key: value for key, value in shown.items() if not (saml and key in _NOT_SAML)})


@sso.command("test")
@_name
@as_json_option
@reaches_api()
def test(door: Door, provider: str, *, as_json: bool) -> None:
    """Ask a provider what it says of itself. Whether the secret is right, a sign-in shows."""
    told = door.ask("POST", f"{_route(provider)}/test")
    if as_json:
        show_json(told)
    if not told["is_found"]:
        raise Refusal(told["error"])
    if not as_json:
        show_pairs({key: value for key, value in told.items() if key not in ("is_found", "error")})


@sso.command("remove")
@_name
@reaches_api()
def remove(door: Door, provider: str) -> None:
    """Remove a provider, with its domains, its sessions and the roles that its groups gave."""
    door.ask("DELETE", _route(provider))
    click.echo(f"{provider} is removed; nobody comes in by it any more.")


@sso.command("require")
@_name
@as_json_option
@reaches_api()
def require(door: Door, provider: str, *, as_json: bool) -> None:
    """Passwords and passkeys open nothing any more, but to break-glass users."""
    said = f"Single sign-on is required. If {provider} is away: gatewayops sso off, at the machine."
    _changed(door, provider, {"sso_required": True}, said, as_json=as_json)


@sso.command("off")
@reaches_api()
def off(door: Door) -> None:
    """Single sign-on is required no longer: passwords and passkeys open again. Providers stay.

    On the machine itself this needs no sign-in (--data DIR).
    """
    required = [row["name"] for row in door.each(_ROUTE, "identity_providers") if row["sso_required"]]
    for name in required:
        door.ask("PATCH", _route(name), {"sso_required": False})
    names = ", ".join(required)
    click.echo(f"{names}: required no longer." if required else "No provider was required.")


@sso.command("break-glass")
@click.argument("email")
@click.option("--on/--off", "is_break_glass", default=True, show_default=True)
@reaches_api()
def break_glass(door: Door, email: str, *, is_break_glass: bool) -> None:
    """Let somebody use their password though single sign-on is required."""
    path = f"/v1/users/{id_of(door, 'user', email)}/break-glass"
    door.ask("PUT", path, {"is_break_glass": is_break_glass})
    click.echo(f"{email} {'may always' if is_break_glass else 'may no longer'} use a password.")


@sso.command("identities")
@click.argument("email")
@paging_options
@as_json_option
@reaches_api()
def identities(door: Door, email: str, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """Show who somebody is at identity providers."""
    told = door.ask("GET", _identities(door, email), limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "provider", "issuer", "subject", "e-mail there", "last used"],
        (
            (row["id"], row["provider"], row["issuer"], row["subject"], row["email"], moment(row["used_at"]))
            for row in told["identities"]
        ),
        empty=f"{email} never came in by a provider.",
        as_json=as_json,
    )


@sso.command("unlink")
@click.argument("email")
@click.argument("identity")
@reaches_api()
def unlink(door: Door, email: str, identity: str) -> None:
    """Forget who somebody is at a provider: sessions end, roles by groups go; the address decides anew."""
    door.ask("DELETE", f"{_identities(door, email)}/{segment(identity)}")
    click.echo(f"{email} is no longer known by {identity}.")


def _identities(door: Door, email: str) -> str:
    return f"/v1/users/{id_of(door, 'user', email)}/identities"


@domain.command("add")
@click.argument("name", metavar="DOMAIN")
@click.option("--provider", required=True, metavar="NAME", help="Where its people sign in.")
@as_json_option
@reaches_api()
def add_domain(door: Door, name: str, provider: str, *, as_json: bool) -> None:
    """Claim a domain; it leads to the provider once it is verified."""
    told = door.ask("POST", _DOMAINS, {"domain": name, "provider": provider})
    if as_json:
        show_json(told)
        return
    made = told["domain"]
    ((key, proof),) = made["document"].items()
    click.echo(f'Let {made["document_url"]}\nshow {{"{key}": "{proof}"}}')
    click.echo(f"then: gatewayops sso domain verify {name}")


@domain.command("verify")
@click.argument("name", metavar="DOMAIN")
@as_json_option
@reaches_api()
def verify_domain(door: Door, name: str, *, as_json: bool) -> None:
    """Look at the domain's document; at the machine itself (--data DIR) without."""
    told = door.ask("POST", f"{_DOMAINS}/{segment(name)}/verify")
    if as_json:
        show_json(told)
        return
    click.echo(f"{name} is verified; its people sign in at the provider from now on.")


@domain.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_domains(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the domains."""
    told = door.ask("GET", _DOMAINS, limit=limit, cursor=cursor)
    show_page(
        told,
        ["domain", "provider", "verified by"],
        ((row["domain"], row["provider_id"], row["verified_by"]) for row in told["domains"]),
        empty="No domain leads to a provider.",
        as_json=as_json,
    )


@domain.command("remove")
@click.argument("name", metavar="DOMAIN")
@reaches_api()
def remove_domain(door: Door, name: str) -> None:
    """Its addresses lead to no provider any more."""
    door.ask("DELETE", f"{_DOMAINS}/{segment(name)}")
    click.echo(f"{name} leads to no provider any more.")


def _secret(*, reads_stdin: bool) -> str:
    """Never an argument: those stay in the shell's history."""
    if reads_stdin:
        return sys.stdin.read().strip()
    asked: str = click.prompt("Client secret", hide_input=True, err=True)
    return asked


def _given(options: dict[str, Any]) -> dict[str, Any]:
    body = {name: options[name] for name in (*_FIELDS, *_SAML) if options[name] not in (None, ())}
    if options["metadata"]:
        body |= _metadata(options["metadata"])
    if options["attributes"]:
        body["attributes"] = _attributes(options["attributes"])
    gives = [_pair(text, "role") for text in options["groups"]] + [
        _pair(text, "team") for text in options["teams"]
    ]
    return body | ({"group_mappings": gives} if gives else {})


def _metadata(where: str) -> dict[str, str]:
    if where.startswith(("https://", "http://")):
        return {"metadata_url": where}
    try:
        return {"metadata": Path(where).read_text()}
    except (OSError, UnicodeError) as error:
        msg = f"--metadata: {where} cannot be read: {error}"
        raise WrongUsage(msg) from error


def _attributes(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        what, _, name = text.partition("=")
        if what == "name":
            found.setdefault("name", []).append(name)
        elif name and what in ("subject", "email", "groups"):
            found[what] = name
        else:
            msg = f"'{text}': say it as subject=NAME, email=NAME, name=NAME or groups=NAME"
            raise WrongUsage(msg)
    return found


def _ours(made: dict[str, Any]) -> dict[str, str]:
    """What to tell a SAML provider of us, by hand or by a document."""
    saml = made["saml"]
    return {"entity_id": saml["our_entity_id"], "metadata": saml["our_metadata_url"]}


def _pair(text: str, what: str) -> dict[str, str]:
    """GROUP=ROLE; names of groups may hold the sign, those of roles and teams do not."""
    group, sign, ref = text.rpartition("=")
    if not (group and sign and ref):
        msg = f"'{text}': say it as GROUP={what.upper()}"
        raise WrongUsage(msg)
    return {"group": group, what: ref}


def _changed(door: Door, provider: str, changes: dict[str, Any], said: str, *, as_json: bool) -> None:
    told = door.ask("PATCH", _route(provider), changes)
    if as_json:
        show_json(told)
    else:
        click.echo(said)


def _route(provider: str) -> str:
    return f"{_ROUTE}/{segment(provider)}"
