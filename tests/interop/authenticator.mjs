// `nid-webauthn-emulator` as a browser with an authenticator: each line on stdin is a JSON object
// {do: "create" | "get", origin, options, algorithm?, verified?, step?}; each is answered with the credential, or {error}.
// usage: node authenticator.mjs PORT CONFIGURATION      (both unused: it listens to nothing)
import { createInterface } from 'node:readline';
import emulator from 'nid-webauthn-emulator';

const { AuthenticatorEmulator, PasskeysCredentialsMemoryRepository, WebAuthnEmulator } = emulator;
const credentialsRepository = new PasskeysCredentialsMemoryRepository();

function browser({ algorithm = 'ES256', verified = true, step = 1 }) {
  const touched = (user) => ({ user, options: { uv: verified, up: true } });
  return new WebAuthnEmulator(
    new AuthenticatorEmulator({
      credentialsRepository,
      algorithmIdentifiers: [algorithm],
      signCounterIncrement: step,
      userMakeCredentialInteraction: touched,
      userGetAssertionInteraction: touched,
    }),
  );
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const asked = JSON.parse(line);
  try {
    const does = asked.do === 'create' ? 'createJSON' : 'getJSON';
    console.log(JSON.stringify(browser(asked)[does](asked.origin, asked.options)));
  } catch (wrong) {
    console.log(JSON.stringify({ error: wrong.name, message: wrong.message }));
  }
});

console.log('ready');
