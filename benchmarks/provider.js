// Run npm's oidc-provider for the benchmark: one confidential client, one API, everything in memory. Prints its port.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';

const modules = new URL('../tests/node/node_modules/', import.meta.url);
const { default: Provider } = await import(new URL('oidc-provider/lib/index.js', modules));

const key = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), alg: 'Ed25519', use: 'sig', kid: '1' };
const api = (format) => ({
  scope: 'orders:read',
  audience: `https://api.example.com/${format}`,
  accessTokenFormat: format,
  accessTokenTTL: 600,
  ...(format === 'jwt' ? { jwt: { sign: { alg: 'Ed25519' } } } : {}),
});

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: 'shop',
      client_secret: 'a-secret-of-32-characters-at-least',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    jwks: { keys: [key] },
    enabledJWA: { idTokenSigningAlgValues: ['Ed25519'] },
    scopes: ['orders:read'],
    clientDefaults: { id_token_signed_response_alg: 'Ed25519' },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => api(resource.endsWith('/jwt') ? 'jwt' : 'opaque'),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(port);
});
process.stdin.on('end', () => process.exit(0)).resume(); // ends with who started it
