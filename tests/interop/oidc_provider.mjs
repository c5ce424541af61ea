// The certified `oidc-provider` as a national eID. Whoever comes is signed in as the one person it knows. Each line on stdin
// names a key with which it starts afresh, at the same address.
// usage: node oidc_provider.mjs PORT CONFIG_JSON      CONFIG: {client, person: {sub, acr, claims}, par}
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const [port, text] = process.argv.slice(2);
const { client, person, par } = JSON.parse(text);

async function start(kid) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' };
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [client],
    jwks: { keys: [key] },
    cookies: { keys: ['only for a test'] },
    acrValues: ['LoA1', 'LoA2'],
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'], profile: Object.keys(person.claims) },
    features: { devInteractions: { enabled: false }, pushedAuthorizationRequests: { enabled: par } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...person.claims }) }),
  });
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const grant = new provider.Grant({ accountId: person.sub, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const login = { accountId: person.sub, acr: person.acr, amr: ['pwd', 'otp'] };
    return provider.interactionFinished(ctx.req, ctx.res, { login, consent: { grantId: await grant.save() } });
  });
  return provider.callback();
}

let answer = await start('first');
createInterface({ input: process.stdin }).on('line', async (line) => {
  answer = await start(JSON.parse(line).kid);
  console.log('told');
});
createServer((request, response) => answer(request, response)).listen(Number(port), '127.0.0.1', () => console.log('ready'));
