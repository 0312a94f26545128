// Ask the browser for a passkey. A form says what it wants:
//   data-webauthn="get" or "create"; data-options: the options as JSON, or data-from: where to POST for them.
// The answer goes into its field "response", the handle of the challenge into "passkey"; then the form is sent.
"use strict";

(() => {
  const encode = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decode = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0)).buffer;
  const known = (list) => (list || []).map((each) => ({ ...each, id: decode(each.id) }));

  const options = (from) => ({
    ...from,
    challenge: decode(from.challenge),
    ...(from.user && { user: { ...from.user, id: decode(from.user.id) } }),
    ...(from.allowCredentials && { allowCredentials: known(from.allowCredentials) }),
    ...(from.excludeCredentials && { excludeCredentials: known(from.excludeCredentials) }),
  });

  const answer = (credential) => {
    const said = credential.response;
    const response = { clientDataJSON: encode(said.clientDataJSON) };
    if (said.attestationObject) {
      response.attestationObject = encode(said.attestationObject);
      response.transports = said.getTransports ? said.getTransports() : [];
    } else {
      response.authenticatorData = encode(said.authenticatorData);
      response.signature = encode(said.signature);
      if (said.userHandle) response.userHandle = encode(said.userHandle);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: encode(credential.rawId),
      type: credential.type,
      clientExtensionResults: credential.getClientExtensionResults(),
      ...(credential.authenticatorAttachment && { authenticatorAttachment: credential.authenticatorAttachment }),
      response,
    });
  };

  const asked = async (form) => {
    if (form.dataset.options) return JSON.parse(form.dataset.options);
    const reply = await fetch(form.dataset.from, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
      credentials: "same-origin",
    });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    const begun = await reply.json();
    form.elements.passkey.value = begun.passkey;
    return begun.publicKey;
  };

  const say = (form, text) => {
    const place = form.querySelector("[data-webauthn-error]");
    if (place) {
      place.textContent = text;
      place.hidden = !text;
    }
  };

  const prove = async (form, button) => {
    button.disabled = true;
    say(form, "");
    try {
      const publicKey = options(await asked(form));
      const ask = navigator.credentials[form.dataset.webauthn];
      form.elements.response.value = answer(await ask.call(navigator.credentials, { publicKey }));
      form.submit();
    } catch (error) {
      button.disabled = false;
      const place = form.querySelector("[data-webauthn-error]");
      say(form, (place && place.dataset.webauthnError) || "This did not work.");
    }
  };

  for (const form of document.querySelectorAll("form[data-webauthn]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      prove(form, form.querySelector("button[type=submit]"));
    });
  }
})();
