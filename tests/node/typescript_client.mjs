// The official TypeScript client runs an errand and prints, as JSON, what it saw.
// Argument: {url, headers, errand}; the errand and the shape of the answer are those of the Python client
// in tests/journeys/clients.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { url, headers, errand } = JSON.parse(process.argv[2]);
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
const client = new Client({ name: "typescript-client", version: "1.0.0" });
await client.connect(transport);

const text = (content) => content.map((part) => part.text ?? part.content?.text ?? "").join("");

async function callUnknown() {
  try {
    const result = await client.callTool({ name: errand.unknown_tool, arguments: {} });
    return result.isError ? "tool_error" : "success";
  } catch (error) {
    return `rpc_error ${error.code}`;
  }
}

const seen = { version: transport.protocolVersion, has_session: Boolean(transport.sessionId) };
seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
seen.text = text((await client.callTool({ name: errand.tool, arguments: errand.arguments })).content);
seen.progress = [];
const onprogress = ({ progress }) => seen.progress.push(progress);
const slow = { name: errand.slow_tool, arguments: errand.slow_arguments };
seen.slow_text = text((await client.callTool(slow, undefined, { onprogress })).content);
seen.unknown = await callUnknown();
seen.resources = (await client.listResources()).resources.map((resource) => resource.uri);
const uri = errand.resource || seen.resources[0];
seen.resource_text = text((await client.readResource({ uri })).contents);
seen.prompts = (await client.listPrompts()).prompts.map((prompt) => prompt.name);
const prompt = { name: errand.prompt, arguments: errand.prompt_arguments };
seen.prompt_text = text((await client.getPrompt(prompt)).messages.map((message) => message.content));

await transport.terminateSession();
await client.close();
process.stdout.write(JSON.stringify(seen));
