"""What a key may grant to another."""

import pytest

from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.identity.scopes import check_holds, check_scopes


def holder(*actions: str, servers: tuple[str, ...] = ("*",)) -> Principal:
    return Principal(org_id="org_a", key_id="key_a", servers=servers, actions=actions)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        pytest.param("*", "*", id="an administrator makes an administrator"),
        pytest.param("*", "keys.write", id="everything covers one"),
        pytest.param("keys.*", "keys.write", id="a noun covers its verb"),
        pytest.param("mcp.*", "tools.call", id="all of MCP covers a method"),
        pytest.param("mcp.*", "tools.*", id="all of MCP covers a group of methods"),
        pytest.param("tools.*", "tools.*", id="the same"),
    ],
)
def test_what_is_held_can_be_granted(held: str, wanted: str) -> None:
    check_holds(holder(held), (), (wanted,))


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        pytest.param("keys.*", "*", id="a noun is not everything"),
        pytest.param("keys.write", "keys.*", id="a verb is not its noun"),
        pytest.param("mcp.*", "keys.write", id="MCP is not control"),
        pytest.param("mcp.*", "keys.*", id="MCP is not a control noun"),
        pytest.param("mcp.*", "*", id="MCP is not everything"),
        pytest.param("tools.call", "tools.*", id="a method is not its group"),
        pytest.param("tools.*", "mcp.*", id="tools are not all of MCP"),
    ],
)
def test_what_is_not_held_cannot_be_granted(held: str, wanted: str) -> None:
    with pytest.raises(Forbidden, match="does not hold"):
        check_holds(holder(held), (), (wanted,))


def test_servers_are_granted_from_those_held() -> None:
    caller = holder("*", servers=("github",))
    check_holds(caller, ("github",), ())
    for servers in (("gitlab",), ("*",)):
        with pytest.raises(Forbidden):
            check_holds(caller, servers, ())


@pytest.mark.parametrize(
    "action",
    [
        "",
        "keys.wriet",
        "tools",
        "tools/call",
        "*.*",
        ".call",
        "tools.",
        "x y.z",
        "tool.call",
        "tools.cal",
        "mcp.tool.*",
    ],
)
def test_an_action_that_can_never_match_is_refused(action: str) -> None:
    with pytest.raises(InvalidInput, match=r"scopes\.actions"):
        check_scopes(("*",), (action,))


@pytest.mark.parametrize("server", ["", "Git Hub", "git*", "-x", "x" * 64])
def test_a_server_that_can_never_match_is_refused(server: str) -> None:
    with pytest.raises(InvalidInput, match=r"scopes\.mcp_servers"):
        check_scopes((server,), ("*",))
