"""Official and bare clients of both eras run an errand through the gateway; each of their calls is a trace.

Every client lists and calls tools, one of them with streamed progress and one that doesn't exist, reads
a resource and gets a prompt. The run is one trace, named by the client's `traceparent`.
"""

import asyncio
import json
import shutil
from collections import Counter
from dataclasses import asdict
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from gatewayops.base.ids import new_span_id, new_trace_id

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol/"


def text_of(parts) -> str:
    return "".join(str(part.get("text") or part.get("resource", {}).get("text") or "") for part in parts)


async def python_client(mode, url, headers, errand) -> dict[str, Any]:
    """The official Python SDK; `mode` is its own word for how it chooses the era."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, cache=None) as client,
    ):
        progress = []

        async def on_progress(amount, total, message):
            progress.append(amount)

        seen: dict[str, Any] = {"version": client.protocol_version}
        seen["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        answer = await client.call_tool(errand.tool, errand.arguments)
        seen["text"] = text_of(part.model_dump() for part in answer.content)
        answer = await client.call_tool(
            errand.slow_tool, errand.slow_arguments, progress_callback=on_progress
        )
        seen["progress"], seen["slow_text"] = progress, text_of(part.model_dump() for part in answer.content)
        try:
            answer = await client.call_tool(errand.unknown_tool, {})
            seen["unknown"] = "tool_error" if answer.is_error else "success"
        except MCPError as error:
            seen["unknown"] = f"rpc_error {error.code}"
        seen["resources"] = [str(resource.uri) for resource in (await client.list_resources()).resources]
        read = await client.read_resource(errand.resource or seen["resources"][0])
        seen["resource_text"] = text_of(part.model_dump() for part in read.contents)
        seen["prompts"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        got = await client.get_prompt(errand.prompt, errand.prompt_arguments)
        seen["prompt_text"] = text_of(message.content.model_dump() for message in got.messages)
        return seen


async def send_with_httpx(verb, url, headers, body) -> tuple[int, dict[str, str], str]:
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.request(verb, url, headers=headers, content=body)
    return answer.status_code, dict(answer.headers), answer.text


async def send_with_curl(verb, url, headers, body) -> tuple[int, dict[str, str], str]:
    flags = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--no-buffer",
        "--include",
        "--http1.1",
        "--max-time",
        "30",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, "--request", verb, *flags, *(("--data-binary", body) if body else ()), url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    head, _, text = output.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, text


class BareClient:
    """JSON-RPC over HTTP by hand, in either era, with nothing of an SDK."""

    def __init__(self, send, version, url, headers):
        accepts = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        self.send, self.version, self.url = send, version, url
        self.headers = {**headers, **accepts, "MCP-Protocol-Version": version}
        self.last_id = 0

    async def open(self):
        if self.version == LEGACY:
            about = {"name": "bare-client", "version": "1"}
            params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": about}
            await self.ask("initialize", params)
            assert "Mcp-Session-Id" in self.headers
            initialized = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
            status, _, _ = await self.send("POST", self.url, self.headers, initialized)
            assert status == 202

    async def close(self):
        if self.version == LEGACY:
            status, _, _ = await self.send("DELETE", self.url, self.headers, "")
            assert status in {200, 204, 405}

    async def ask(
        self, method, params, *, progress_token=None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The answer, and the notifications that came before it on its stream."""
        self.last_id += 1
        meta: dict[str, Any] = {} if progress_token is None else {"progressToken": progress_token}
        headers = dict(self.headers)
        if self.version == MODERN:
            about = {"name": "bare-client", "version": "1"}
            meta |= {
                META + "protocolVersion": MODERN,
                META + "clientInfo": about,
                META + "clientCapabilities": {},
            }
            name = params.get("name") or params.get("uri")
            headers |= {"Mcp-Method": method, **({"Mcp-Name": name} if name else {})}
        request = {
            "jsonrpc": "2.0",
            "id": self.last_id,
            "method": method,
            "params": {**params, "_meta": meta},
        }
        _, answered, text = await self.send("POST", self.url, headers, json.dumps(request))
        if "mcp-session-id" in answered:
            self.headers["Mcp-Session-Id"] = answered["mcp-session-id"]
        messages = messages_of(answered.get("content-type", ""), text)
        assert messages, f"{method} was answered with {text!r}"
        assert messages[-1]["id"] == self.last_id
        return messages[-1], messages[:-1]


def messages_of(content_type, text) -> list[dict[str, Any]]:
    if not content_type.startswith("text/event-stream"):
        return [json.loads(text)]
    data = (line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(payload) for payload in data if payload]


async def bare_client(send, version, url, headers, errand) -> dict[str, Any]:
    client = BareClient(send, version, url, headers)
    await client.open()

    async def result(method, **params):
        return (await client.ask(method, params))[0]["result"]

    seen: dict[str, Any] = {"version": version}
    seen["tools"] = [tool["name"] for tool in (await result("tools/list"))["tools"]]
    answer = await result("tools/call", name=errand.tool, arguments=errand.arguments)
    seen["text"] = text_of(answer["content"])
    slow = {"name": errand.slow_tool, "arguments": errand.slow_arguments}
    last, before = await client.ask("tools/call", slow, progress_token="p-1")
    seen["slow_text"] = text_of(last["result"]["content"])
    told = [message for message in before if message["method"] == "notifications/progress"]
    assert {message["params"]["progressToken"] for message in told} == {"p-1"}
    seen["progress"] = [message["params"]["progress"] for message in told]
    last, _ = await client.ask("tools/call", {"name": errand.unknown_tool, "arguments": {}})
    failed = last.get("result", {}).get("isError")
    seen["unknown"] = f"rpc_error {last['error']['code']}" if "error" in last else failed and "tool_error"
    seen["resources"] = [resource["uri"] for resource in (await result("resources/list"))["resources"]]
    read = await result("resources/read", uri=errand.resource or seen["resources"][0])
    seen["resource_text"] = text_of(read["contents"])
    seen["prompts"] = [prompt["name"] for prompt in (await result("prompts/list"))["prompts"]]
    got = await result("prompts/get", name=errand.prompt, arguments=errand.prompt_arguments)
    seen["prompt_text"] = text_of(message["content"] for message in got["messages"])
    await client.close()
    return seen


@pytest.fixture
def clients(node_peers):
    """Each client by name: a coroutine function of (url, headers, errand) that tells what it saw."""

    async def typescript(url, headers, errand):
        argument = {"url": url, "headers": headers, "errand": asdict(errand)}
        return await asyncio.to_thread(node_peers.run_script, "typescript_client.mjs", argument, timeout_s=60)

    def python(mode):
        return lambda *what: python_client(mode, *what)

    def bare(send, version):
        return lambda *what: bare_client(send, version, *what)

    return {
        "python": python("auto"),
        "python-modern": python(MODERN),
        "python-legacy": python("legacy"),
        "typescript": typescript,
        "httpx-modern": bare(send_with_httpx, MODERN),
        "httpx-legacy": bare(send_with_httpx, LEGACY),
        "curl-modern": bare(send_with_curl, MODERN),
        "curl-legacy": bare(send_with_curl, LEGACY),
    }


NEEDS_CURL = pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
MODERN_CLIENTS = ("python-modern", "httpx-modern", "curl-modern")
OTHER_CLIENTS = ("python", "python-legacy", "typescript", "httpx-legacy", "curl-legacy")
PAIRS = [
    *((name, server) for name in MODERN_CLIENTS for server in ("demo", "everything")),
    *((name, server) for name in OTHER_CLIENTS for server in ("demo", "everything", "npm-everything")),
]  # npm's server knows the legacy era only, and each client meets servers of its own era


@pytest.mark.parametrize(
    ("name", "errand"),
    [
        pytest.param(
            name, server, marks=[NEEDS_CURL] if name.startswith("curl") else [], id=f"{name}-{server}"
        )
        for name, server in PAIRS
    ],
    indirect=["errand"],
)
async def test_a_client_runs_its_errand_and_each_call_is_recorded(
    name, errand, clients, governed, call_price
):
    trace_id, parent_id = new_trace_id(), new_span_id()
    headers = {**governed.authorization, "traceparent": f"00-{trace_id}-{parent_id}-01"}

    seen = await clients[name](governed.address(errand.server), headers, errand)

    assert_seen(seen, errand, is_modern=expects_modern(name, errand))
    trace = await asyncio.to_thread(governed.trace, trace_id, tool_calls=3, and_then="mcp.prompts.get")
    assert_recorded(trace, errand, governed, parent_id=parent_id)
    assert_priced(trace, errand, call_price)


def expects_modern(name, errand) -> bool:
    return name in MODERN_CLIENTS or (name == "python" and errand.server != "npm-everything")


def assert_seen(seen, errand, *, is_modern):
    assert seen["version"] == (MODERN if is_modern else LEGACY)
    assert {errand.tool, errand.slow_tool} <= set(seen["tools"])
    assert errand.text in seen["text"]
    assert tuple(seen["progress"]) == errand.progress
    assert seen["slow_text"]
    assert seen["unknown"] == "tool_error" or seen["unknown"].startswith("rpc_error -32")
    assert errand.resource in [*seen["resources"], ""]
    assert seen["resource_text"]
    assert errand.resource_text in seen["resource_text"]
    assert errand.prompt in seen["prompts"]
    assert errand.prompt_text in seen["prompt_text"]


def assert_recorded(trace, errand, governed, *, parent_id):
    spans = trace["spans"]
    calls = Counter((s["tool"], s["status"]) for s in spans if s["operation"] == "mcp.tools.call")
    assert calls == {
        (errand.tool, "success"): 1,
        (errand.slow_tool, "success"): 1,
        (errand.unknown_tool, "error"): 1,
    }
    asked = {span["operation"] for span in spans if span["status"] == "success"}
    assert asked >= {"mcp.tools.list", "mcp.resources.list", "mcp.resources.read", "mcp.prompts.list"}
    assert "mcp.prompts.get" in asked
    assert {span["server"] for span in spans} == {errand.server}
    assert {span["parent_id"].removeprefix("sp_") for span in spans} == {parent_id}
    assert trace["context"]["user_id"] == governed.user_id
    assert trace["context"]["team_id"] == governed.team_id
    for span in spans:
        assert span["key_id"] == governed.key_id
        timings = span["timings"]
        parts = timings["auth_ms"] + timings["policy_ms"] + timings["upstream_ms"]
        assert 0 < parts <= span["duration_ms"] + 0.01


def assert_priced(trace, errand, call_price):
    calls = [span for span in trace["spans"] if span["operation"] == "mcp.tools.call"]
    assert [span["cost"] for span in calls if span["tool"] == errand.tool] == [call_price]
    assert trace["total_cost"] == pytest.approx(sum(span["cost"] for span in trace["spans"]))


async def test_calls_without_a_trace_of_their_own_are_a_trace_each(clients, governed, command):
    key = command("key", "create", "lonely", "--user", command("user", "add", "lonely@example.com")["id"])
    headers = {"Authorization": f"Bearer {key['secret']}"}
    client = BareClient(send_with_httpx, MODERN, governed.address("demo"), headers)

    for word in ("one", "two", "three"):
        await client.ask("tools/call", {"name": "echo", "arguments": {"text": word}})

    user_id = key["metadata"]["user_id"]
    found = await asyncio.to_thread(governed.traces_of, user_id, at_least=3)
    assert [trace["span_count"] for trace in found] == [1, 1, 1]
