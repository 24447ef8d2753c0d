// What `openid-client`, `jose` and `dpop` do with Ward, as their users would write it.
//
//   node oauth.mjs   reads one JSON object from standard input, writes one JSON object.
//
// The issuer stands behind a TLS proxy in life; here its name is put in front of the demo's
// address, and that is all that is not theirs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(`${process.env.NODE_PATH}/`)
const load = async (name) => import(pathToFileURL(require.resolve(name)).href)
const client = await load('openid-client')
const jose = await load('jose')
const dpop = await load('dpop')

const given = JSON.parse(readFileSync(0, 'utf8'))
const issuer = new URL(given.issuer)
const through = (url, init) =>
  fetch(String(url).replace(issuer.origin, given.api_url.replace(/\/$/, '')), init)

async function configured(id, auth, secret) {
  const options = { algorithm: 'oauth2', [client.customFetch]: through }
  const found = await client.discovery(issuer, id, secret, auth, options)
  found[client.customFetch] = through
  return found
}

const done = {}
async function step(name, work) {
  try {
    done[name] = { ok: true, ...(await work()) }
  } catch (error) {
    const code = error.error ?? error.cause?.error ?? error.code ?? ''
    done[name] = { ok: false, error: String(code), status: error.status, said: String(error) }
  }
}

const grant = (config, params = {}, options) =>
  client.clientCredentialsGrant(config, params, options)
const shown = (tokens) => ({ token: tokens.access_token, type: tokens.token_type,
                             scope: tokens.scope, expires_in: tokens.expires_in })

const { id, secret } = given.by_secret
await step('metadata', async () => {
  const config = await configured(id, client.ClientSecretBasic(secret))
  return { metadata: config.serverMetadata() }
})
await step('client_secret_basic', async () => {
  return shown(await grant(await configured(id, client.ClientSecretBasic(secret))))
})
await step('client_secret_post', async () => {
  return shown(await grant(await configured(id, client.ClientSecretPost(secret))))
})
await step('wrong secret', async () => {
  return shown(await grant(await configured(id, client.ClientSecretBasic('wrong'))))
})
await step('wider scope', async () => {
  const config = await configured(id, client.ClientSecretBasic(secret))
  return shown(await grant(config, { scope: 'admin' }))
})
await step('another audience', async () => {
  const config = await configured(id, client.ClientSecretBasic(secret))
  return shown(await grant(config, { resource: 'https://bank.example' }))
})
for (const { id, jwk, kid, alg } of given.by_key) {
  await step(`private_key_jwt ${alg}`, async () => {
    const key = await jose.importJWK(jwk, alg)
    return shown(await grant(await configured(id, client.PrivateKeyJwt({ key, kid }))))
  })
}
await step('key of another', async () => {
  const { id, kid } = given.by_key[0]
  const { privateKey } = await jose.generateKeyPair('ES256')
  return shown(await grant(await configured(id, client.PrivateKeyJwt({ key: privateKey, kid }))))
})
await step('exchange', async () => {
  const config = await configured(id, client.ClientSecretBasic(secret))
  const tokens = await client.genericGrantRequest(config, given.exchange.grant, {
    subject_token: given.exchange.subject_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: given.exchange.audience,
  })
  return shown(tokens)
})

// Bound tokens: the nonce is asked for, and openid-client and dpop bring it.
const config = await configured(id, client.ClientSecretBasic(secret))
const pair = await client.randomDPoPKeyPair('ES256')
const handle = client.getDPoPHandle(config, pair)
await step('dpop', async () => {
  const tokens = await grant(config, {}, { DPoP: handle })
  done.bound = tokens.access_token
  return { ...shown(tokens), jkt: await handle.calculateThumbprint() }
})
const page = `${given.gate_url.replace(/\/$/, '')}${given.path}`
const ask = (headers) => fetch(page, { headers })
const heard = (answer) => ({
  status: answer.status,
  challenge: answer.headers.get('www-authenticate'),
  nonce: answer.headers.get('dpop-nonce'),
})
const proofOf = (nonce, token = done.bound, keys = pair, htm = 'GET', htu = page) =>
  dpop.generateProof(keys, htu, htm, nonce, token)
let nonce
await step('gate without nonce', async () => {
  const proof = await proofOf(undefined)
  const answer = heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: proof }))
  nonce = answer.nonce ?? undefined
  return answer
})
let used
await step('gate with nonce', async () => {
  used = await proofOf(nonce)
  return heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: used }))
})
await step('gate, same proof again', async () =>
  heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: used })))
await step('gate, as a bearer', async () =>
  heard(await ask({ authorization: `Bearer ${done.bound}` })))
await step('gate, key of another', async () => {
  const other = await dpop.generateKeyPair('ES256')
  const proof = await proofOf(nonce, done.bound, other)
  return heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: proof }))
})
await step('gate, for another token', async () => {
  const proof = await proofOf(nonce, 'another')
  return heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: proof }))
})
await step('gate, for another method', async () => {
  const proof = await proofOf(nonce, done.bound, pair, 'POST')
  return heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: proof }))
})
await step('gate, for another page', async () => {
  const proof = await proofOf(nonce, done.bound, pair, 'GET', page.replace('customers', 'orders'))
  return heard(await ask({ authorization: `DPoP ${done.bound}`, dpop: proof }))
})
await step('gate, unbound token with a proof', async () => {
  const token = done.client_secret_basic.token
  const proof = await proofOf(nonce, token)
  return heard(await ask({ authorization: `DPoP ${token}`, dpop: proof }))
})
await step('gate, junk with a proof', async () => {
  const proof = await proofOf(nonce, 'a.b.c')
  return heard(await ask({ authorization: 'DPoP a.b.c', dpop: proof }))
})
await step('gate by openid-client', async () => {
  const direct = client.getDPoPHandle(config, pair)
  config[client.customFetch] = (url, init) => fetch(url, init)
  client.allowInsecureRequests(config)
  const answer = await client.fetchProtectedResource(
    config, done.bound, new URL(page), 'GET', undefined, undefined, { DPoP: direct })
  return heard(answer)
})
process.stdout.write(JSON.stringify(done))
