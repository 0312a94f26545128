// Be an application of FAPI's kind: openid-client pushes its request (PAR), proves itself by private_key_jwt and binds what it
// gets to a key (DPoP). Says and hears JSON lines: its public key, then (given its id) the place to send the person to, then the rest.
import { createInterface } from 'node:readline';
import * as client from 'openid-client';

const [issuer, redirect, scope, api, alg] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value) => console.log(JSON.stringify(value));
const hear = async () => (await lines.next()).value;

const kinds = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
};
const pair = await crypto.subtle.generateKey(kinds[alg], true, ['sign', 'verify']);
const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey('jwk', pair.publicKey);
say({ kty, crv, x, y, n, e, kid: 'app', alg, use: 'sig' });
const id = await hear();

const config = await client.discovery(
  new URL(issuer), id, { token_endpoint_auth_method: 'private_key_jwt' },
  client.PrivateKeyJwt({ key: pair.privateKey, kid: 'app' }), { execute: [client.allowInsecureRequests] },
);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(alg));
const verifier = client.randomPKCECodeVerifier();
const expected = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() };
const traffic = [];
config[client.customFetch] = async (url, options) => {
  const answer = await fetch(url, options);
  traffic.push([options.method, new URL(url).pathname, answer.status, answer.headers.get('dpop-nonce') ? 'nonce' : '']);
  return answer;
};
const failed = (error) => ({ error: error.code ?? error.name, cause: String(error.cause?.error ?? error.error ?? error.message) });

try {
  const parameters = {
    redirect_uri: redirect, scope, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    state: expected.expectedState, nonce: expected.expectedNonce,
  };
  say({ place: (await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })).href });
  const tokens = await client.authorizationCodeGrant(config, new URL(await hear()), expected, undefined, { DPoP });
  const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  const sub = tokens.claims().sub;
  const info = await client.fetchUserInfo(config, again.access_token, sub, { DPoP });
  const call = await client.fetchProtectedResource(config, again.access_token, new URL(api), 'GET', undefined, undefined, { DPoP });
  const bearer = await fetch(api, { headers: { authorization: `Bearer ${again.access_token}` } });
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair(alg));
  const stolen = await client.fetchProtectedResource(
    config, again.access_token, new URL(api), 'GET', undefined, undefined, { DPoP: thief },
  ).then((answer) => answer.status, failed);
  // A client that proves itself may change its key (RFC 9449 section 5): its refresh tokens are bound to it by that.
  const rekeyed = await client.refreshTokenGrant(config, again.refresh_token, undefined, { DPoP: thief });
  const told = await client.tokenIntrospection(config, again.access_token);
  await client.tokenRevocation(config, rekeyed.refresh_token);
  const gone = await client.refreshTokenGrant(config, rekeyed.refresh_token, undefined, { DPoP }).then(() => 'given', failed);
  say({
    sub, info, type: tokens.token_type, scope: tokens.scope, who: await call.json(), bearer: bearer.status, stolen, rekeyed: rekeyed.token_type,
    told: { active: told.active, cnf: Object.keys(told.cnf ?? {}) }, gone, traffic,
  });
} catch (error) {
  say({ ...failed(error), traffic });
}
process.exit(0);
