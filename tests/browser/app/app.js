// An application that is nothing but a page: a public client with PKCE, whose server knows nothing of its tokens.
const { issuer, client_id } = await (await fetch('config.json')).json();
const here = location.origin + '/';
const out = document.querySelector('#out');
const encoded = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = () => encoded(crypto.getRandomValues(new Uint8Array(32)));
const answer = async (response) => {
  const value = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${value.error ?? value.type}`);
  return value;
};
const metadata = await answer(await fetch(`${issuer}/.well-known/openid-configuration`));
const token = async (fields) => {
  const body = new URLSearchParams({ client_id, ...fields });
  return answer(await fetch(metadata.token_endpoint, { method: 'POST', body }));
};
let tokens;

const told = async (what) => {
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  const info = await answer(await fetch(metadata.userinfo_endpoint, { headers }));
  out.textContent = JSON.stringify({ what, sub: info.sub, scope: tokens.scope, refreshable: 'refresh_token' in tokens });
};
const does = (name, work) => {
  document.querySelector(name).onclick = () => work().catch((error) => { out.textContent = `failed: ${error.message}`; });
};

does('#login', async () => {
  const [state, verifier] = [random(), random()];
  sessionStorage.setItem('asked', JSON.stringify({ state, verifier }));
  const hashed = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  location.href = `${metadata.authorization_endpoint}?${new URLSearchParams({
    response_type: 'code', client_id, redirect_uri: here, scope: 'openid orders:read', state,
    code_challenge: encoded(hashed), code_challenge_method: 'S256',
  })}`;
});
does('#refresh', async () => {
  tokens = await token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  await told('refreshed');
});
does('#logout', async () => {
  const { refresh_token, id_token } = tokens;
  await fetch(metadata.revocation_endpoint, { method: 'POST', body: new URLSearchParams({ client_id, token: refresh_token }) });
  const failed = await token({ grant_type: 'refresh_token', refresh_token }).then(() => 'refreshed', (error) => error.message);
  sessionStorage.setItem('left', failed);
  location.href = `${metadata.end_session_endpoint}?${new URLSearchParams({
    id_token_hint: id_token, post_logout_redirect_uri: here, state: 'left',
  })}`;
});

const said = new URLSearchParams(location.search);
const asked = JSON.parse(sessionStorage.getItem('asked') ?? '{}');
history.replaceState(null, '', '/');
if (said.get('state') === 'left') {
  out.textContent = `logged out: ${sessionStorage.getItem('left')}`;
} else if (said.has('state')) {
  if (said.get('state') !== asked.state || said.get('iss') !== metadata.issuer) out.textContent = 'failed: not the answer to what was asked';
  else if (said.has('error')) out.textContent = `failed: ${said.get('error')}`;
  else {
    tokens = await token({
      grant_type: 'authorization_code', code: said.get('code'), redirect_uri: here, code_verifier: asked.verifier,
    });
    await told('logged in');
  }
}
