// The official TypeScript client signs a person in at a protected server and calls a tool.
// Argument: {url, store, port, metadataUrl, signInOnly}. What the client keeps lies in the file `store`, so that
// a later run goes on where this one ended. It prints its link for the person, and as its last line what it saw.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { url, store, port, metadataUrl, signInOnly } = JSON.parse(process.argv[2]);
const kept = existsSync(store) ? JSON.parse(readFileSync(store, "utf8")) : {};
const keep = (change) => writeFileSync(store, JSON.stringify(Object.assign(kept, change)));
const redirectUrl = `http://127.0.0.1:${port}/callback`;
const seen = { links: 0, registrations: 0, refreshes: 0 };

const provider = {
  redirectUrl,
  clientMetadataUrl: metadataUrl,
  clientMetadata: { client_name: "TypeScript", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none" },
  state: () => "from-the-client",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => (keep({ client }), (seen.registrations += 1)),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => (kept.tokens && (seen.refreshes += 1), keep({ tokens })),
  saveCodeVerifier: (verifier) => keep({ verifier }),
  codeVerifier: () => kept.verifier,
  invalidateCredentials: (what) => keep(what === "all" ? { client: undefined, tokens: undefined } : { tokens: undefined }),
  redirectToAuthorization: (link) => ((seen.links += 1), console.log(`open ${link}`)),
};

const listener = createServer();
listener.listen(port, "127.0.0.1");
async function code() {
  const asked = await new Promise((resolve) =>
    listener.once("request", (request, response) => (response.end("thanks"), resolve(request.url))),
  );
  const query = new URL(asked, redirectUrl).searchParams;
  if (query.get("state") !== "from-the-client") throw new Error("another state came back");
  return query.get("code");
}

async function withSignIn(work) {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  const client = new Client({ name: "typescript-client", version: "1.0.0" });
  try {
    await client.connect(transport);
    return await work(client);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(await code());
    return signInOnly ? undefined : await withSignIn(work);
  } finally {
    await client.close();
  }
}

await withSignIn(async (client) => {
  seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
  const answer = await client.callTool({ name: "echo", arguments: { text: "signed in" } });
  seen.text = answer.content[0].text;
});
listener.close();
seen.scope = kept.tokens.scope;
seen.client_id = kept.client.client_id;
console.log(JSON.stringify(seen));
