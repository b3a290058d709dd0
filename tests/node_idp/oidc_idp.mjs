// An OpenID Connect provider on loopback, npm's oidc-provider with its own pages: whoever comes says who they are.
// The argument is JSON: port. Clients register and change their registration as RFC 7591 and 7592 have it; what it
// tells of people is what POST /people said last, by login.
import http from "node:http";
import Provider from "oidc-provider";

process.removeAllListeners("warning");
console.warn = () => {};
const { port } = JSON.parse(process.argv[2]);
let people = {};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  conformIdTokenClaims: false, // as Okta and Entra do it: claims are in the ID token
  cookies: { keys: ["of the tests only"] },
  features: {
    registration: { enabled: true, issueRegistrationAccessToken: true },
    registrationManagement: { enabled: true },
  },
  findAccount: (_context, login) =>
    people[login] && { accountId: login, claims: async () => ({ sub: login, ...people[login] }) },
});
const answer = provider.callback();

http
  .createServer(async (request, response) => {
    if (request.url !== "/people") return answer(request, response);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    people = JSON.parse(Buffer.concat(chunks).toString());
    response.end();
  })
  .listen(port, "127.0.0.1");
