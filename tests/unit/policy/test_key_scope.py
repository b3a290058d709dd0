"""What a key's scopes allow, and that the first rule that denies has the last word."""

import pytest

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import Principal
from gatewayops.policy.decision import ALLOW, Deny, decide
from gatewayops.policy.rules.key_scope import key_scope


def caller(servers=("*",), actions=("mcp.*",)):
    return Principal("org", "key", servers=servers, actions=actions)


@pytest.mark.parametrize(
    ("servers", "actions", "action", "reason"),
    [
        pytest.param(("*",), ("mcp.*",), "tools.call", None, id="every mcp method"),
        pytest.param(("*",), ("*",), "vendor.thing", None, id="everything"),
        pytest.param(("files",), ("tools.call",), "tools.call", None, id="exactly this"),
        pytest.param(("*",), ("tools.*",), "tools.list", None, id="a family"),
        pytest.param(("*",), ("mcp.tools.call",), "tools.call", None, id="with its prefix"),
        pytest.param(("files",), (), "", None, id="a handshake needs the server only"),
        pytest.param(("*",), ("tools.list",), "tools.call", Reason.ACTION_NOT_GRANTED, id="another action"),
        pytest.param(("*",), ("traces.read",), "tools.call", Reason.ACTION_NOT_GRANTED, id="control only"),
        pytest.param(("*",), (), "tools.call", Reason.ACTION_NOT_GRANTED, id="nothing"),
        pytest.param(("*",), ("tools.*",), "toolshed.call", Reason.ACTION_NOT_GRANTED, id="no half words"),
        pytest.param(("*",), ("Tools.Call",), "tools.call", Reason.ACTION_NOT_GRANTED, id="case counts"),
        pytest.param(("mail",), ("*",), "tools.call", Reason.SERVER_NOT_GRANTED, id="another server"),
        pytest.param(("file",), ("*",), "tools.call", Reason.SERVER_NOT_GRANTED, id="no prefixes of names"),
        pytest.param((), ("*",), "", Reason.SERVER_NOT_GRANTED, id="no server"),
    ],
)
def test_scopes_say_what_a_key_may(servers, actions, action, reason):
    rule = key_scope()
    for _ in range(2):  # the second time from memory
        decision = rule(caller(servers, actions), "files", action, "read")
        assert (decision.reason if isinstance(decision, Deny) else None) == reason


def test_the_memory_keeps_callers_apart():
    rule = key_scope()

    assert rule(caller(actions=("tools.call",)), "files", "tools.call", "") is ALLOW
    assert isinstance(rule(caller(actions=("tools.list",)), "files", "tools.call", ""), Deny)


def test_the_first_denial_ends_it():
    asked = []

    def rule(answer):
        def answers(*question):
            asked.append(question)
            return answer

        return answers

    deny = Deny(Reason.ACTION_NOT_GRANTED, "no")
    question = (caller(), "files", "tools.call", "read")

    assert decide((rule(ALLOW), rule(deny), rule(ALLOW)), *question) is deny
    assert asked == [question, question]
    assert decide((), *question) is ALLOW
