// Be an application: openid-client logs somebody in at the issuer, asks who they are, refreshes. Says and hears JSON lines.
import { createInterface } from 'node:readline';
import * as client from 'openid-client';

const [issuer, id, secret, redirect, scope] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value) => console.log(JSON.stringify(value));

const config = await client.discovery(
  new URL(issuer), id, secret || { token_endpoint_auth_method: 'none' }, secret ? undefined : client.None(),
  { execute: [client.allowInsecureRequests] },
);
const verifier = client.randomPKCECodeVerifier();
const expected = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() };
say({
  place: client.buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: expected.expectedState,
    nonce: expected.expectedNonce,
    max_age: '300',
  }).href,
});
const { value: callback } = await lines.next();
try {
  const tokens = await client.authorizationCodeGrant(config, new URL(callback), { ...expected, maxAge: 300 });
  const claims = tokens.claims();
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const again = await client.refreshTokenGrant(config, tokens.refresh_token);
  say({ claims, info, scope: tokens.scope, refreshed: again.claims().sub, access: again.access_token });
} catch (error) {
  say({ error: error.code ?? error.name, cause: String(error.cause?.error ?? error.message) });
}
process.exit(0);
