// Node's part of `verifiers.py`: `jose` as an offline verifier, `openid-client` as a client that
// asks and takes back, `@sd-jwt/jwt-status-list` as a reader of status lists.
//
//   node verifiers.mjs TASK < JSON
//
// Reads one JSON object from standard input and prints one. Ward's addresses are those of its
// metadata, its issuer; requests for them go to `base`, as a TLS proxy would send them.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

// WHY: NODE_PATH is heeded by `require` alone.
const require = createRequire(import.meta.url);
const load = (name) => import(require.resolve(name));
const given = JSON.parse(readFileSync(0, 'utf8'));

/** What each token is to `jose`: `accept`, or the name of what it says. */
async function verify() {
  const jose = await load('jose');
  const keys = jose.createLocalJWKSet(given.jwks);
  const said = {};
  for (const [name, token] of Object.entries(given.tokens)) {
    try {
      await jose.jwtVerify(token, keys, {
        algorithms: ['ES256', 'EdDSA', 'Ed25519'],
        issuer: given.issuer,
        audience: given.audience,
        typ: 'at+jwt',
        requiredClaims: ['exp'],
      });
      said[name] = 'accept';
    } catch (error) {
      said[name] = error.code ?? error.name;
    }
  }
  return said;
}

function proxied(url, options) {
  const to = String(url).replace(given.issuer.replace(/\/$/, ''), given.base);
  return fetch(to, options);
}

/** One client: discovery, a token, asked about, taken back, asked about again. */
async function flow() {
  const oidc = await load('openid-client');
  const config = await oidc.discovery(
    new URL(given.issuer), given.client_id, given.client_secret,
    oidc.ClientSecretBasic(given.client_secret),
    { algorithm: 'oauth2', execute: [oidc.allowInsecureRequests], [oidc.customFetch]: proxied },
  );
  const got = await oidc.clientCredentialsGrant(config, { scope: 'read' });
  const ask = () => oidc.tokenIntrospection(config, got.access_token);
  const before = await ask();
  await oidc.tokenRevocation(config, got.access_token);
  const after = await ask();
  return { scope: got.scope, before, after };
}

/** A signed answer, checked by `oauth4webapi` as RFC 9701 asks. */
async function signed() {
  const oauth = await load('oauth4webapi');
  const as = given.metadata;
  const client = {
    client_id: given.client_id,
    introspection_signed_response_alg: 'ES256',
  };
  const options = { [oauth.customFetch]: proxied, [oauth.allowInsecureRequests]: true };
  const said = {};
  for (const [name, token] of Object.entries(given.tokens)) {
    const response = await oauth.introspectionRequest(
      as, client, oauth.ClientSecretBasic(given.client_secret), token,
      { ...options, requestJwtResponse: true },
    );
    said[name] = await oauth.processIntrospectionResponse(as, client, response);
    await oauth.validateApplicationLevelSignature(as, response, options);
  }
  return said;
}

/** The bits of a status list, by the library of another house. */
async function statuses() {
  const lists = await load('@sd-jwt/jwt-status-list');
  const list = lists.getListFromStatusListJWT(given.jwt);
  const own = lists.getStatusListFromJWT(given.token);
  return { own, statuses: Object.fromEntries(given.indices.map((at) => [at, list.getStatus(at)])) };
}

const tasks = { verify, flow, signed, statuses };
console.log(JSON.stringify(await tasks[process.argv[2]]()));
