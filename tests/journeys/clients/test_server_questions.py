"""A server may ask the client something in the middle of a call: question and answer both get through.

On the legacy wire the question comes on the stream of a call that is still open, so a gateway that
held streams back would never finish these calls. On the modern wire it is the call's first answer.
"""

import asyncio

import httpx2
import mcp_types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from gatewayops.base.ids import new_span_id, new_trace_id


async def sample(context, params):
    answer = mcp_types.TextContent(type="text", text="a sampled reply")
    return mcp_types.CreateMessageResult(role="assistant", content=answer, model="none")


async def elicit(context, params):
    names = params.requested_schema["properties"]
    return mcp_types.ElicitResult(action="accept", content=dict.fromkeys(names, "an elicited reply"))


MODERN, INPUT = "2026-07-28", "test_input_required_result_"
EVERYTHING, NPM = "everything", "npm-everything"
SAMPLED, ELICITED = "a sampled reply", "an elicited reply"


@pytest.mark.parametrize(
    ("server", "mode", "tool", "arguments", "reply"),
    [
        pytest.param(EVERYTHING, "legacy", "test_sampling", {"prompt": "p"}, SAMPLED, id="sampling"),
        pytest.param(EVERYTHING, "legacy", "test_elicitation", {"message": "m"}, ELICITED, id="elicitation"),
        pytest.param(NPM, "legacy", "trigger-sampling-request", {"prompt": "p"}, SAMPLED, id="npm"),
        pytest.param(EVERYTHING, MODERN, INPUT + "elicitation", {}, ELICITED, id="asks"),
        pytest.param(EVERYTHING, MODERN, INPUT + "sampling", {}, SAMPLED, id="samples"),
    ],
)  # fmt: skip
async def test_a_question_during_a_call_is_answered(server, mode, tool, arguments, reply, governed):
    trace_id = new_trace_id()
    headers = {**governed.authorization, "traceparent": f"00-{trace_id}-{new_span_id()}-01"}

    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(
            streamable_http_client(governed.address(server), http_client=http),
            mode=mode,
            sampling_callback=sample,
            elicitation_callback=elicit,
        ) as client,
    ):
        answer = await client.call_tool(tool, arguments)

    assert not answer.is_error
    assert reply in str(answer.content)
    rounds = 1 if mode == "legacy" else 2
    trace = await asyncio.to_thread(governed.trace, trace_id, tool_calls=rounds)
    statuses = [span["status"] for span in trace["spans"] if span["operation"] == "mcp.tools.call"]
    assert statuses == ["success"] * rounds
