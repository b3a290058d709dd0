"""What people paste into their clients works in each."""

import json
import shlex

import pytest

from gatewayops.web.servers.snippets import example_call, snippets

SERVER = {"name": "files", "address": "https://gw.example/v1/mcp/files", "auth": "api_key"}
CALL = {"tool": "read", "arguments": {"path": "it's"}}


def by_client(**changes):
    return {one.client: one.text for one in snippets(SERVER | changes, CALL)}


def test_the_line_for_a_terminal_survives_quotes_in_it():
    words = shlex.split(by_client()["curl"])

    assert json.loads(words[words.index("-d") + 1]) == CALL
    assert "Authorization: Bearer $GATEWAYOPS_KEY" in words


@pytest.mark.parametrize("client", ["Claude Desktop", "Cursor", "VS Code"])
@pytest.mark.parametrize("auth", ["api_key", "platform_oauth", "none"])
def test_files_of_clients_are_json_that_names_the_server(client, auth):
    config = json.loads(by_client(auth=auth)[client])

    known = config.get("mcpServers") or config["servers"]
    assert SERVER["address"] in json.dumps(known["files"])
    assert ("uthorization" in json.dumps(config)) == (auth == "api_key")


def test_an_example_call_has_what_the_tool_requires():
    schema = {
        "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}, "c": {"type": "string"}, "d": {}},
        "required": ["a", "b", "c", 5],
    }

    call = example_call({"name": "t", "definition": {"inputSchema": schema}})

    assert call == {"tool": "t", "arguments": {"a": 1, "b": "x", "c": "hello"}}


@pytest.mark.parametrize("schema", [None, [], {"properties": 1, "required": "a"}, {"required": [{}]}])
def test_a_schema_that_is_none_makes_an_empty_call(schema):
    assert example_call({"name": "t", "definition": {"inputSchema": schema}})["arguments"] == {}
