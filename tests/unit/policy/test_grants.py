"""Who may what: inheritance, deny over allow, scopes beside roles, and what lists show."""

import json
import subprocess
import sys

import pytest

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import PERSON, Principal
from gatewayops.policy.decision import ALLOW
from gatewayops.policy.grants import Grants
from gatewayops.policy.visible import filter_list
from gatewayops.store.snapshot import (
    AccessRows,
    BindingRow,
    Permission,
    PolicyRow,
    RoleRow,
    Snapshot,
    TeamRow,
    UserRow,
    decode,
    encode,
)

CALL = ("files", "tools.call", "read_file")


def ada(**changed):
    facts = {"user_id": "ada", "team_id": "search", "servers": ("*",), "actions": ("*",)}
    return Principal("org", "key", **(facts | changed))


def rules(*rows, roles=()):
    """A snapshot: search is below platform; ada is of search, bob of sales."""
    return Snapshot(
        revision=1,
        made_at=0.0,
        teams=(TeamRow("platform", "org"), TeamRow("search", "org", "platform"), TeamRow("sales", "org")),
        access=AccessRows(
            users=(UserRow("ada", "org", "search"), UserRow("bob", "org", "sales")),
            roles=roles,
            bindings=tuple(row for row in rows if isinstance(row, BindingRow)),
            policies=tuple(row for row in rows if isinstance(row, PolicyRow)),
        ),
    )


def bound(role, kind, subject, org="org"):
    return BindingRow(f"{role}-{kind}-{subject}", org, f"role_{role}", kind, subject)


def policy(effect, kind, subject, *rule):
    return PolicyRow(f"{effect}-{subject}", "org", kind, subject, Permission(effect, *rule))


def reason(decision):
    return None if decision is ALLOW else decision.reason


ROLE_MISSING = Reason.ROLE_NOT_GRANTED


@pytest.mark.parametrize(
    ("rows", "asked", "expected"),
    [
        pytest.param((), CALL, None, id="without roles scopes govern, as before"),
        pytest.param((bound("viewer", "key", "key"),), CALL, ROLE_MISSING, id="a viewer calls nothing"),
        pytest.param(
            (bound("viewer", "key", "key"),), ("files", "tools.list", ""), None, id="a viewer lists"
        ),
        pytest.param((bound("viewer", "key", "key"),), ("files", "", ""), None, id="a viewer may connect"),
        pytest.param((bound("viewer", "user", "ada"),), CALL, ROLE_MISSING, id="by the user"),
        pytest.param((bound("viewer", "team", "search"),), CALL, ROLE_MISSING, id="by the team"),
        pytest.param((bound("viewer", "team", "platform"),), CALL, ROLE_MISSING, id="by the team above"),
        pytest.param((bound("viewer", "organization", "org"),), CALL, ROLE_MISSING, id="by all"),
        pytest.param((bound("viewer", "team", "sales"),), CALL, None, id="not by another team"),
        pytest.param((bound("viewer", "key", "other"),), CALL, None, id="not by another key"),
        pytest.param((bound("viewer", "key", "key", "other"),), CALL, None, id="not by another tenant"),
        pytest.param(
            (bound("viewer", "organization", "org"), bound("developer", "team", "platform")),
            CALL,
            None,
            id="roles add up",
        ),
        pytest.param((bound("gone", "key", "key"),), CALL, ROLE_MISSING, id="an unknown role grants nothing"),
        pytest.param(
            (bound("viewer", "key", "key"), policy("allow", "team", "search", "files", "tools.*", "read_*")),
            CALL,
            None,
            id="a policy adds to roles",
        ),
        pytest.param(
            (bound("viewer", "key", "key"), policy("allow", "team", "search", "files", "tools.*", "read_*")),
            ("files", "tools.call", "Read_file"),
            ROLE_MISSING,
            id="case counts",
        ),
        pytest.param(
            (policy("deny", "organization", "org", "files", "tools.call", "read_*"),),
            CALL,
            ROLE_MISSING,
            id="a deny counts without any role",
        ),
        pytest.param(
            (
                bound("admin", "key", "key"),
                policy("allow", "key", "key", *CALL),
                policy("deny", "organization", "org", "*", "*", "*"),
            ),
            CALL,
            ROLE_MISSING,
            id="a deny from far wins over an allow from near",
        ),
        pytest.param(
            (policy("deny", "organization", "org", "files", "*", "*"),),
            ("files", "", ""),
            ROLE_MISSING,
            id="who may nothing on a server does not connect to it",
        ),
        pytest.param(
            (policy("deny", "organization", "org", "files", "tools.call", "*"),),
            ("files", "", ""),
            None,
            id="who may not call connects",
        ),
        pytest.param(
            (policy("deny", "organization", "org", "", "*", "*"),), CALL, None, id="the API is another matter"
        ),
    ],
)
def test_rules_are_inherited_and_a_deny_wins(rows, asked, expected):
    grants = Grants(decode(encode(rules(*rows))))
    for _ in range(2):  # the second time from memory
        assert reason(grants.decide(ada(), *asked)) == expected


def test_a_narrow_permission_lists_but_calls_only_what_it_names():
    role = RoleRow("role_support", "org", "support", (Permission("allow", "files", "tools.*", "get_*"),))
    grants = Grants(rules(bound("support", "user", "ada"), roles=(role,)))

    assert grants.decide(ada(), "files", "tools.list", "") is ALLOW
    assert grants.decide(ada(), "files", "tools.call", "get_one") is ALLOW
    for named in ("", "delete_one", "get", "GET_one"):
        assert reason(grants.decide(ada(), "files", "tools.call", named)) == ROLE_MISSING
    assert reason(grants.decide(ada(), "mail", "tools.list", "")) == ROLE_MISSING
    assert reason(grants.decide(ada(), "files", "resources.list", "")) == ROLE_MISSING


def test_scopes_narrow_and_never_widen_and_keep_their_words():
    grants = Grants(rules(bound("admin", "key", "key")))

    decision = grants.decide(ada(servers=("mail",)), *CALL)
    assert decision.reason == Reason.SERVER_NOT_GRANTED
    assert decision.detail == "this key's scopes do not name the server files"
    decision = grants.decide(ada(actions=("tools.list",)), *CALL)
    assert decision.reason == Reason.ACTION_NOT_GRANTED
    assert grants.decide(ada(actions=("mcp.tools.call",)), *CALL) is ALLOW
    assert grants.decide(ada(servers=("files",), actions=()), "files", "", "") is ALLOW


def test_a_user_stays_in_their_team_whatever_team_the_key_names():
    grants = Grants(rules(policy("deny", "team", "platform", "files", "tools.*", "*")))

    assert reason(grants.decide(ada(team_id="sales"), *CALL)) == ROLE_MISSING
    assert grants.decide(Principal("org", "k", user_id="bob", servers=("*",), actions=("*",)), *CALL) is ALLOW


def test_a_person_without_a_role_or_policy_holds_nothing_though_a_key_would():
    key, person = ada(), ada(kind=PERSON)
    empty = Grants(rules())
    assert empty.decide(key, "files", "tools.call", "read") is ALLOW
    assert reason(empty.decide(person, "files", "tools.call", "read")) == Reason.ROLE_NOT_GRANTED
    assert reason(empty.decide_control(person, "costs.read")) == Reason.ROLE_NOT_GRANTED
    granted = Grants(rules(policy("allow", "user", "ada", "", "costs.read")))
    assert granted.decide_control(person, "costs.read") is ALLOW
    assert reason(granted.decide_control(person, "traces.read")) == Reason.ROLE_NOT_GRANTED


def test_the_control_api_asks_the_same_rules():
    grants = Grants(rules(bound("developer", "team", "search")))

    for action in ("keys.read", "keys.own", "traces.read"):
        assert grants.decide_control(ada(), action) is ALLOW
    for action in ("keys.write", "roles.write", "Keys.own"):
        assert reason(grants.decide_control(ada(), action)) == ROLE_MISSING
    assert reason(grants.decide_control(ada(actions=("mcp.*",)), "keys.read")) == Reason.ACTION_NOT_GRANTED
    assert grants.decide_control(ada(is_local_admin=True, actions=()), "roles.write") is ALLOW


def test_a_refusal_names_what_is_missing_and_no_control_characters():
    grants = Grants(rules(bound("viewer", "key", "key")))

    assert grants.decide(ada(), *CALL).detail == (
        "no role or policy of yours grants tools.call of read_file on files"
    )
    said = grants.decide(ada(), "files", "tools.call", "a\x1b[2J" + "x" * 5000).detail
    assert said.isprintable()
    assert len(said) < 200


def test_ever_new_names_do_not_fill_the_memory():
    grants = Grants(rules(bound("viewer", "key", "key")))
    for number in range(5_000):
        grants.decide(ada(), "files", "tools.call", f"tool_{number}")
    grants.decide(ada(), "files", "tools.call", "x" * 100_000)

    remembered = grants._tables[ada()].decided
    assert len(remembered) <= 2_000
    assert max(len(named) for _, _, named in remembered) < 1_000


def test_the_gateways_decisions_need_no_casbin():
    code = (
        "import sys, gatewayops.policy.grants, gatewayops.policy.visible; assert 'casbin' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


LISTS = {
    "tools/list": ("tools", "name", "tools.*"),
    "prompts/list": ("prompts", "name", "prompts.*"),
    "resources/list": ("resources", "uri", "resources.*"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate", "resources.*"),
}


@pytest.mark.parametrize("method", LISTS)
def test_a_list_shows_only_what_may_be_used_byte_for_byte(method):
    key, field, action = LISTS[method]
    grants = Grants(
        rules(bound("viewer", "key", "key"), policy("allow", "user", "ada", "files", action, "pub*"))
    )
    first = f'{{ "{field}" : "pub\\u0061",  "x" : 1.50, "y":{{"b":1,"a":2}}}}'
    payload = (
        f'{{"nextCursor":"é", "{key}": [{first}, {{"{field}":"secret"}}, {{"{field}":"Pub"}}, {{}}, 7,'
        f' {{"{field}":null}}], "_meta":{{ "z": 1e3}}}}'
    ).encode()

    shown = filter_list(grants, ada(), "files", method, payload)

    assert json.loads(shown) == {
        "nextCursor": "é",
        key: [json.loads(first)],
        "_meta": {"z": 1e3},
    }
    assert first.encode() in shown
    assert b'"z": 1e3' in shown


def test_a_list_of_which_nothing_is_dropped_is_the_same_object():
    payload = b'{ "tools" : [ {"name":"read"} ] }'
    free = Grants(rules())

    assert filter_list(free, ada(), "files", "tools/list", payload) is payload
    assert filter_list(free, ada(), "files", "tools/call", b"anything") == b"anything"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"tools":{"name":"x"}}', b'{"tools":[', b'{"tools":"\xff"}']
)
def test_a_list_that_cannot_be_read_shows_nothing(payload):
    viewer = Grants(rules(bound("viewer", "key", "key")))

    assert filter_list(viewer, ada(), "files", "tools/list", payload) == b'{"tools":[]}'
