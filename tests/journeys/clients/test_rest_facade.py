"""Plain REST calls reach servers of either era, and their answer says what the record says."""

import asyncio

import httpx
import pytest

from gatewayops.base.ids import new_trace_id

MISSING = "no_such_tool"


@pytest.fixture
def post(governed, errand):
    """Posts to a route of the errand's server, in a trace of its own."""
    trace_id = new_trace_id()
    headers = {**governed.authorization, "X-Trace-ID": trace_id}

    def send(route, body):
        address = f"{governed.address(errand.server)}/{route}"
        return httpx.post(address, json=body, headers=headers, timeout=30)

    send.trace_id = trace_id
    return send


async def test_a_tool_call_answers_with_its_trace_latency_and_cost(errand, post, governed, call_price):
    answer = await asyncio.to_thread(post, "tools/call", {"tool": errand.tool, "arguments": errand.arguments})

    assert answer.status_code == 200, answer.text
    metadata = answer.json()["metadata"]
    assert errand.text in answer.text
    assert metadata["cost"] == call_price
    assert metadata["trace_id"].removeprefix("tr_") == post.trace_id
    trace = await asyncio.to_thread(governed.trace, metadata["trace_id"], tool_calls=1)
    [span] = [span for span in trace["spans"] if span["operation"] == "mcp.tools.call"]
    assert (span["server"], span["tool"], span["status"]) == (errand.server, errand.tool, "success")
    assert span["cost"] == call_price
    assert trace["context"]["user_id"] == governed.user_id
    assert metadata["latency_ms"] >= 0


async def test_a_streaming_tool_answers_once(errand, post):
    body = {"tool": errand.slow_tool, "arguments": errand.slow_arguments}

    answer = await asyncio.to_thread(post, "tools/call", body)

    assert answer.status_code == 200, answer.text
    assert "result" in answer.json()


async def test_a_tool_that_fails_says_so_in_the_result_and_is_recorded_as_an_error(errand, post, governed):
    answer = await asyncio.to_thread(post, "tools/call", {"tool": MISSING, "arguments": {}})

    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["isError"] is True
    trace = await asyncio.to_thread(governed.trace, post.trace_id, tool_calls=1)
    [span] = [span for span in trace["spans"] if span["operation"] == "mcp.tools.call"]
    assert (span["tool"], span["status"]) == (MISSING, "error")


async def test_an_error_of_the_server_is_a_bad_gateway_that_says_what_it_said(errand, post):
    answer = await asyncio.to_thread(post, "resources/read", {"uri": "none://such"})

    assert answer.status_code == 502, answer.text
    assert answer.json()["error"] == "mcp_error"
    assert answer.json()["reason"] == "upstream_error"
    assert "none://such" in answer.json()["message"]


async def test_lists_resources_and_prompts_have_routes_of_their_own(errand, post):
    def result(route, body):
        answer = post(route, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    tools = await asyncio.to_thread(result, "tools/list", {})
    resources = await asyncio.to_thread(result, "resources/list", {})
    prompts = await asyncio.to_thread(result, "prompts/list", {})
    uri = errand.resource or resources["resources"][0]["uri"]
    read = await asyncio.to_thread(result, "resources/read", {"uri": uri})
    wanted = {"name": errand.prompt, "arguments": errand.prompt_arguments}
    got = await asyncio.to_thread(result, "prompts/get", wanted)

    assert errand.tool in [tool["name"] for tool in tools["tools"]]
    assert errand.prompt in [prompt["name"] for prompt in prompts["prompts"]]
    assert errand.resource_text in str(read["contents"])
    assert errand.prompt_text in str(got["messages"])


async def test_a_tool_priced_by_the_token_costs_what_its_tokens_do(governed):
    body = {"tool": "add", "arguments": {"a": 2, "b": 3}}

    answer = await asyncio.to_thread(
        httpx.post, governed.address("demo") + "/tools/call", json=body, headers=governed.authorization
    )

    metadata = answer.json()["metadata"]
    trace = await asyncio.to_thread(governed.trace, metadata["trace_id"], tool_calls=1)
    [span] = trace["spans"]
    assert span["input_tokens"] > 0
    assert span["output_tokens"] > 0
    cost_micros = 10 * span["input_tokens"] + 30 * span["output_tokens"]
    assert round(span["cost"] * 1_000_000) == round(metadata["cost"] * 1_000_000) == cost_micros
