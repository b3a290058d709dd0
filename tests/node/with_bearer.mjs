// Preloaded (node --import) into the conformance suite, which has no option for a header: adds
// `Authorization: Bearer $MCP_BEARER` to every request that goes to the origin $MCP_ORIGIN and has none.
// It uses the channels that Node and undici offer for this, so fetch, undici and http are all covered.
import { subscribe } from "node:diagnostics_channel";

const { origin, host } = new URL(process.env.MCP_ORIGIN);
const value = `Bearer ${process.env.MCP_BEARER}`;

subscribe("undici:request:create", ({ request }) => {
  if (String(request.origin) !== origin) return;
  if (!/(^|,|\n)authorization(,|:)/i.test(String(request.headers))) request.addHeader("authorization", value);
});
subscribe("http.client.request.created", ({ request }) => {
  if (request.getHeader("host") !== host || request.headersSent) return;
  if (!request.hasHeader("authorization")) request.setHeader("authorization", value);
});
