// `oauth2-mock-server` as a national eID that lies as it is told: each line on stdin is a JSON object of claims for the id
// tokens that follow (null: leave the claim out; `$kid`: name this key in the header).
// usage: node mock_server.mjs PORT PERSON_JSON      PERSON: {sub, acr, claims}
import { createInterface } from 'node:readline';
import { Events, OAuth2Server } from 'oauth2-mock-server';

const [port, text] = process.argv.slice(2);
const person = JSON.parse(text);
const server = new OAuth2Server();
let lie = {};

server.service.on(Events.BeforeTokenSigning, (token) => {
  const { $kid, ...claims } = lie;
  Object.assign(token.payload, { sub: person.sub, acr: person.acr }, claims);
  for (const name of Object.keys(token.payload)) if (token.payload[name] === null) delete token.payload[name];
  if ($kid) token.header.kid = $kid;
});
server.service.on(Events.BeforeUserinfo, (answer) => {
  answer.body = { sub: person.sub, ...person.claims };
});
createInterface({ input: process.stdin }).on('line', (line) => {
  lie = JSON.parse(line);
  console.log('told');
});

await server.issuer.keys.generate('RS256');
await server.start(Number(port), '127.0.0.1');
server.issuer.url = `http://127.0.0.1:${port}`;
console.log('ready');
