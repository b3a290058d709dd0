"""The compiled decisions are Casbin's, for random roles, bindings, teams, policies and requests."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.identity.principal import KEY, PERSON, Principal
from gatewayops.policy.access.casbin_model import Truth
from gatewayops.policy.decision import ALLOW
from gatewayops.policy.grants import Grants
from gatewayops.store.predefined_roles import PREDEFINED
from gatewayops.store.snapshot import (
    AccessRows,
    BindingRow,
    Permission,
    PolicyRow,
    RoleRow,
    Snapshot,
    TeamRow,
    UserRow,
)

TEAMS = ("team_a", "team_b", "team_c", "team_d")
USERS = ("user_a", "user_b")
KEYS = ("key_a", "key_b")
SUBJECTS = (
    ("organization", "org"),
    *(("team", name) for name in TEAMS),
    *(("user", name) for name in USERS),
    *(("key", name) for name in KEYS),
)
SERVERS = ("files", "Files", "github", "fi*", "größe")
ACTIONS = ("", "tools.call", "tools.list", "Tools.Call", "resources.read", "resources.list", "vendor.x.y")
CONTROL = ("keys.read", "keys.write", "keys.own", "traces.read", "Keys.read")
NAMES = (
    "",
    "read",
    "read_file",
    "Read_File",
    "READ_FILE",
    "delete",
    "*",
    "re*d",
    "[r]ead",
    "r?ad",
    "a.c",
    "abc",
    "läsen_datei",
    "läsen_datei",
    "two\nlines",
    "file:///a/b",
    "'; g(r.sub, p.sub) or True #",
    '"x" == "x"',
    "read_file\x00",
)
PIECES = ("*", "**", "read", "file", "_", "?", "[r]", "tools", ".", "call", "a", "é", "\n", "delete", "'")

patterns = st.one_of(
    st.just("*"), st.sampled_from(NAMES), st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
)
effects = st.sampled_from(("allow", "allow", "deny"))
mcp = st.builds(
    Permission,
    effect=effects,
    server=st.one_of(st.sampled_from((*SERVERS, "*", "f*", "*s")), patterns).filter(bool),
    action=st.one_of(st.sampled_from((*ACTIONS, "tools.*", "*.list", "*")), patterns),
    named=patterns,
)
control = st.builds(
    Permission,
    effect=effects,
    server=st.just(""),
    action=st.sampled_from((*CONTROL, "*.read", "keys.*", "*")),
    named=st.just("*"),
)
permissions = st.one_of(mcp, mcp, control)
roles = st.lists(st.tuples(*[permissions] * 2), min_size=3, max_size=3).map(
    lambda made: tuple(RoleRow(f"role_{at}", "org", f"r{at}", held) for at, held in enumerate(made))
)
role_ids = st.sampled_from(("role_0", "role_1", "role_2", "role_gone", *(role.id for role in PREDEFINED)))
orgs = st.sampled_from(("org", "org", "org", "other"))
bindings = st.lists(st.tuples(orgs, role_ids, st.sampled_from(SUBJECTS)), max_size=4).map(
    lambda made: tuple(BindingRow(f"b{at}", org, role, *who) for at, (org, role, who) in enumerate(made))
)
policies = st.lists(st.tuples(orgs, permissions, st.sampled_from(SUBJECTS)), max_size=5).map(
    lambda made: tuple(PolicyRow(f"p{at}", org, *who, what) for at, (org, what, who) in enumerate(made))
)
parents = st.lists(st.sampled_from(("", *TEAMS)), min_size=4, max_size=4)  # cycles too
homes = st.lists(st.sampled_from(("", *TEAMS)), min_size=2, max_size=2)


@st.composite
def snapshots(draw):
    return Snapshot(
        revision=1,
        made_at=0.0,
        teams=tuple(TeamRow(name, "org", above) for name, above in zip(TEAMS, draw(parents), strict=True)),
        access=AccessRows(
            users=tuple(UserRow(name, "org", team) for name, team in zip(USERS, draw(homes), strict=True)),
            roles=draw(roles),
            bindings=draw(bindings),
            policies=draw(policies),
        ),
    )


principals = st.builds(
    Principal,
    org_id=st.just("org"),
    key_id=st.sampled_from(("", *KEYS)),
    user_id=st.sampled_from(("", *USERS)),
    team_id=st.sampled_from(("", *TEAMS)),
    servers=st.just(("*",)),
    actions=st.just(("*",)),
    kind=st.sampled_from((KEY, PERSON)),
)
questions = st.tuples(
    st.sampled_from(SERVERS),
    st.sampled_from(ACTIONS),
    st.one_of(st.sampled_from(NAMES), st.text(alphabet="read_fil*é", max_size=6)),
)


def near(snapshot):
    """Requests that the rules just cover, and what lies beside them."""
    said = [held for role in snapshot.access.roles for held in role.permissions]
    for held in (*said, *(policy.permission for policy in snapshot.access.policies)):
        server, action, named = (text.replace("*", "x") for text in (held.server, held.action, held.named))
        if server:
            yield from ((server, action, named), (server, action, ""), (server, action.upper(), named))
            yield from ((server, "tools.list", ""), (server, "tools.call", ""), (server, "", named))


@settings(max_examples=120, deadline=None)
@given(snapshots(), principals, st.lists(questions, min_size=3, max_size=8))
def test_a_compiled_decision_is_casbins(snapshot, principal, asked):
    grants, truth = Grants(snapshot), Truth(snapshot, principal)

    for question in (*asked, *near(snapshot)):
        for _ in range(2):  # the second time from memory
            allowed = grants.decide(principal, *question) is ALLOW
        assert allowed == truth.allows(*question), question
    for action in CONTROL:
        assert (grants.decide_control(principal, action) is ALLOW) == truth.allows("", action, ""), action
