// A SAML identity provider on loopback, by npm's samlp: everybody who comes is signed in as whom /next said last.
// The argument is JSON: port, issuer, pairs of key and certificate (the first one signs unless /next says else),
// and how to know our requests: the certificate that their signature must be of, if one is given by /next.
import http from "node:http";
import samlp from "samlp";

process.removeAllListeners("warning");
const { port, issuer, pairs } = JSON.parse(process.argv[2]);
const metadataPath = "/FederationMetadata/2007-06/FederationMetadata.xml";
let next = {};

class Said {
  constructor(person) {
    this.person = person;
  }
  getClaims() {
    return this.person.attributes; // without any, no statement of them
  }
  getNameIdentifier() {
    return { nameIdentifier: this.person.nameId, nameIdentifierFormat: this.person.nameIdFormat };
  }
}

function answer(request, response) {
  const { acs, request: tuned = {}, pair = 0, person, requestCertificate } = next;
  const options = {
    issuer,
    ...pairs[pair],
    recipient: acs,
    destination: acs,
    lifetimeInSeconds: 300,
    profileMapper: (user) => new Said(user),
    getUserFromRequest: () => person,
    getPostURL: (_audience, _dom, _request, done) => done(null, acs),
    ...(requestCertificate ? { signingCert: requestCertificate } : {}),
    ...tuned,
  };
  samlp.auth(options)(request, response, (fault) => {
    response.statusCode = 400;
    response.send(String(fault));
  });
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

http
  .createServer(async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    Object.assign(request, { query: Object.fromEntries(url.searchParams), originalUrl: request.url, protocol: "http" });
    response.set = (name, value) => response.setHeader(name, value);
    response.send = (text) => response.end(typeof text === "number" ? "" : text);
    if (url.pathname === "/next") {
      next = await bodyOf(request);
      response.end();
    } else if (url.pathname === metadataPath) {
      samlp.metadata({ issuer, cert: pairs[0].cert, redirectEndpointPath: "/sso", postEndpointPath: "/sso" })(request, response);
    } else {
      answer(request, response);
    }
  })
  .listen(port, "127.0.0.1");
