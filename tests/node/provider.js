// Run npm's oidc-provider on a free port of loopback, with one client and anybody as a user; print where it is.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const algorithm = process.argv[2] ?? 'ES256';
const told = process.argv[3]; // where the client is told of logouts
const kinds = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  RS256: ['rsa', { modulusLength: 2048 }],
  Ed25519: ['ed25519', {}],
};
const keys = Object.entries(kinds).map(([alg, [kind, options]]) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg,
}));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'watchword',
      client_secret: 'a secret: of 32 characters at least%',
      application_type: 'native', // so that the port of the redirect URI may be any
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: ['http://127.0.0.1/login/outside/node/callback'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: algorithm,
      ...(told && { backchannel_logout_uri: told, backchannel_logout_session_required: true }),
    }],
    features: { backchannelLogout: { enabled: Boolean(told) } },
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // as it is, nothing on loopback is fetched
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256', 'Ed25519'] },
    cookies: { keys: ['a key for the cookies of a test'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Node ${id}`, preferred_username: id, email: `${id}@node.example` }),
    }),
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume(); // ends with who started it
