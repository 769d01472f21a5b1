import { setTimeout as sleep } from 'node:timers/promises';

import { StoryStop } from './service.js';

/** By which the trust that an interrupted story left behind is found again. */
const NAME = 'The OpenID provider of the story';
/** Milliseconds after which every instance of the service knows a change. */
const SETTLED = 1000;

/**
 * Makes a provider a trusted issuer and lets my_gateway present its tokens.
 *
 * @param {import('./service.js').Service} service
 * @param {string} token an administrator's
 * @param {string} issuer
 * @returns {Promise<() => Promise<void>>} takes both back
 */
export async function trustProvider(service, token, issuer) {
  const admin = async (method, path, expected, body) => {
    const answer = await service.admin(token, method, path, body);
    if (answer.status === expected) return answer.body;
    const { detail = '', problems = [] } = answer.body;
    const fields = problems.map(({ field, problem }) => `${field} ${problem}`).join('; ');
    throw new StoryStop(`${method} /admin${path}: ${answer.status} ${detail} ${fields}`.trim());
  };
  const changePresentable = async (change) => {
    const { exchange } = await admin('GET', '/clients/my_gateway', 200);
    const subjectIssuers = change(exchange.subjectIssuers);
    await admin('PATCH', '/clients/my_gateway', 200, { exchange: { subjectIssuers } });
  };
  const forget = async () => {
    const { items } = await admin('GET', '/trusted-issuers?limit=200', 200);
    const ours = items.filter(({ name }) => name === NAME).map(({ issuer }) => issuer);
    await changePresentable((issuers) => issuers.filter((each) => !ours.includes(each)));
    for (const each of ours) {
      const id = Buffer.from(each).toString('base64url');
      await admin('DELETE', `/trusted-issuers/${id}`, 204);
    }
  };
  await forget();
  await admin('POST', '/trusted-issuers', 201, trustedIssuer(issuer));
  await changePresentable((issuers) => [...issuers, issuer]);
  await sleep(SETTLED);
  return forget;
}

/** Only access tokens (RFC 9068) that are meant for my_gateway, and only these scope values. */
function trustedIssuer(issuer) {
  return {
    issuer,
    name: NAME,
    accepts: [
      {
        tokenType: 'urn:ietf:params:oauth:token-type:jwt',
        types: ['at+jwt'],
        audiences: ['my_gateway'],
      },
    ],
    scopes: ['address:read', 'address:write'],
  };
}
