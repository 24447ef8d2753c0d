// A company's token issuer: `oidc-provider` from npm, which gives machines JWT access tokens.
//
//   node token_op.mjs SETTINGS
//
// SETTINGS: {"audience", "clients": [{"id", "secret"}], "alg": "RS256" | "PS256" | "ES256" | "EdDSA"}.
// Prints one JSON line when it listens, `{"issuer": ...}`, and ends when its standard input does.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// WHY: NODE_PATH is heeded by `require` alone.
const require = createRequire(import.meta.url);
const { Provider } = await import(require.resolve('oidc-provider'));

const settings = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const made = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
}[settings.alg]().privateKey;
const key = { ...made.export({ format: 'jwk' }), kid: 'op-1', use: 'sig', alg: settings.alg };
// Identity tokens of this provider, which nobody asks for here, are RS256 unless it is told so.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: settings.clients.map(({ id, secret }) => ({
    client_id: id,
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_post',
  })),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://shop.example',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: '',
        audience: settings.audience,
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: settings.alg } },
      }),
    },
  },
  // Whom a token names is said with the request: the suite knows him later than this starts.
  extraTokenClaims: (ctx) => ({ customer: ctx.get('x-customer') }),
  jwks: { keys: [key, { ...rsa, kid: 'op-id', use: 'sig', alg: 'RS256' }] },
});

server.on('request', provider.callback());
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer, name: 'oidc-provider' }));
