// A company's identity provider: `oidc-provider` from npm, with people, groups, password pages and
// back-channel logout.
//
//   node oidc_provider.mjs SETTINGS
//
// SETTINGS is a JSON object, described in README.md beside this file. Prints one JSON line when it
// listens, `{"issuer": ...}`, and ends when its standard input does.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// WHY: NODE_PATH is heeded by `require` alone.
const require = createRequire(import.meta.url);
const { Provider, errors } = await import(require.resolve('oidc-provider'));

const settings = JSON.parse(process.argv[2]);
const people = new Map(settings.people.map((it) => [it.name, it]));

const server = createServer();
await new Promise((ready) => server.listen(settings.port ?? 0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'provider-1', use: 'sig' };

const client = {
  client_id: settings.client_id,
  redirect_uris: settings.redirect_uris,
  post_logout_redirect_uris: settings.post_logout_redirect_uris ?? [],
  backchannel_logout_uri: settings.backchannel_logout_uri,
  backchannel_logout_session_required: true,
  id_token_signed_response_alg: 'RS256',
  ...(settings.client_jwk
    ? { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [settings.client_jwk] } }
    : { token_endpoint_auth_method: 'client_secret_basic', client_secret: settings.client_secret }),
};

const provider = new Provider(issuer, {
  clients: [client],
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['preferred_username'],
    groups: ['groups'],
    acr: null,
    amr: null,
    auth_time: null,
    sid: null,
  },
  cookies: { keys: [settings.cookie_key ?? 'cookies of a provider on loopback'] },
  features: {
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: true },
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true },
  },
  // WHY: its own dispatcher reaches no loopback address, and there the relying party is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(ctx, name) {
    const it = people.get(name);
    return it && {
      accountId: name,
      claims: () => ({
        sub: name,
        email: it.email,
        email_verified: it.email_verified ?? true,
        preferred_username: name,
        groups: it.groups,
      }),
    };
  },
  // The company's own application: nobody is asked whether it may know who he is.
  async loadExistingGrant(ctx) {
    const { client: asking, session } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({
      clientId: asking.clientId,
      accountId: session.accountId,
    });
    grant.addOIDCScope('openid email profile groups');
    grant.addOIDCClaims([
      'sub', 'email', 'email_verified', 'preferred_username', 'groups', 'auth_time', 'acr', 'amr',
    ]);
    await grant.save();
    return grant;
  },
  jwks: { keys: [key] },
  pkce: { required: () => true },
  ttl: { Session: 3600, Interaction: 600, Grant: 3600, AccessToken: 300, IdToken: 300 },
});

const page = (uid, words) => `<!doctype html><meta charset="utf-8"><title>Sign in</title>
<h1>Sign in</h1><p role="alert">${words}</p>
<form method="post" action="/interaction/${uid}">
<label>Name <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit">Sign in</button></form>`;

async function form(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > 4096) throw new Error('a form of more than 4096 letters');
  }
  return new URLSearchParams(text);
}

async function interaction(request, response) {
  const { uid, prompt } = await provider.interactionDetails(request, response);
  if (prompt.name !== 'login') throw new errors.AccessDenied(`asked for ${prompt.name}`);
  const show = (status, words) => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page(uid, words));
  };
  if (request.method !== 'POST') return show(200, '');
  const given = await form(request);
  const name = given.get('username');
  if (given.has('cancel')) {
    const result = { error: 'access_denied', error_description: 'he changed his mind' };
    return provider.interactionFinished(request, response, result);
  }
  if (!people.has(name) || people.get(name).password !== given.get('password')) {
    return show(401, 'Wrong name or password.');
  }
  const result = { login: { accountId: name, amr: ['pwd'], acr: 'password' } };
  return provider.interactionFinished(request, response, result);
}

const answer = provider.callback();
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return interaction(request, response).catch((error) => {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end(String(error.message));
  });
});
provider.on('backchannel.error', (ctx, error) => console.error('back-channel:', error.message));
provider.on('server_error', (ctx, error) => console.error('server:', error));

console.log(JSON.stringify({ issuer, name: 'oidc-provider' }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
