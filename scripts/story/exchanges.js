import { claimsOf, grantedTo } from './service.js';

const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type';
const ACCESS_TOKEN = `${TOKEN_TYPE}:access_token`;

/**
 * The two exchanges of the story, and what their tokens must say.
 *
 * @param {import('./service.js').Service} service
 * @param {import('./page.js').Page} page
 * @param {import('./expectations.js').Expectations} expectations
 * @param {{ own: { my_gateway: string, address_service: string }, alice: string }} tokens those of
 *   the services in their own names, and the one that alice's application sent
 */
export async function exchangeTwice(service, page, expectations, { own, alice }) {
  page.step(
    'my_gateway exchanges it for a token for address_service',
    'It does not pass the token on: the new one is still about Alice, and says who acts for her.',
  );
  const first = await exchange(service, page, 'my_gateway', own, {
    subject_token: alice,
    subject_token_type: ACCESS_TOKEN,
    audience: 'address_service',
  });
  const gateway = actorIn(service, 'my_gateway');
  expectSameSubject(expectations, 'the first hop', first, alice);
  expectations.same('the issuer of the first hop', claimsOf(first).iss, service.issuer);
  expectations.same('the audience of the first hop', claimsOf(first).aud, 'address_service');
  expectations.same('the actor of the first hop', claimsOf(first).act, gateway);

  page.step(
    'address_service exchanges that one for a token for postal_service',
    'It only has to read, so it asks for less; the earlier actor stays visible inside the new one.',
  );
  const second = await exchange(service, page, 'address_service', own, {
    subject_token: first,
    subject_token_type: ACCESS_TOKEN,
    audience: 'postal_service',
    scope: 'address:read',
  });
  const actors = { ...actorIn(service, 'address_service'), act: gateway };
  expectSameSubject(expectations, 'the second hop', second, first);
  expectations.same('the audience of the second hop', claimsOf(second).aud, 'postal_service');
  expectations.same('the scope of the second hop', claimsOf(second).scope, 'address:read');
  expectations.same('the actors of the second hop', claimsOf(second).act, actors);
  return { first, second };
}

/**
 * The first hop for a subject of another issuer, and what its token must say.
 *
 * @param {import('./service.js').Service} service
 * @param {import('./page.js').Page} page
 * @param {import('./expectations.js').Expectations} expectations
 * @param {{ own: { my_gateway: string }, token: string }} tokens
 */
export async function exchangeForeign(service, page, expectations, { own, token }) {
  const hop = await exchange(service, page, 'my_gateway', own, {
    subject_token: token,
    subject_token_type: `${TOKEN_TYPE}:jwt`,
    audience: 'address_service',
  });
  expectSameSubject(expectations, 'the foreign hop', hop, token);
  expectations.same('the issuer of the foreign hop', claimsOf(hop).iss, service.issuer);
  expectations.same('whose name the subject is', claimsOf(hop).sub_id, {
    format: 'iss_sub',
    iss: claimsOf(token).iss,
    sub: claimsOf(token).sub,
  });
}

/** A service exchanges a token, with its own token to prove who acts. */
async function exchange(service, page, clientId, own, form) {
  const answer = await service.exchange(clientId, {
    ...form,
    actor_token: own[clientId],
    actor_token_type: ACCESS_TOKEN,
  });
  const token = grantedTo(clientId, answer);
  page.claims(`what ${clientId} sends to ${form.audience}`, claimsOf(token));
  return token;
}

function expectSameSubject(expectations, hop, token, parent) {
  const { sub, client_id: clientId, exp, ...claims } = claimsOf(token);
  expectations.same(`the sub of ${hop}`, sub, claimsOf(parent).sub);
  expectations.same(`the client_id of ${hop}`, clientId, 'web_app');
  expectations.same(`the sign-in that ${hop} tells`, signInOf(claims), signInOf(claimsOf(parent)));
  expectations.atMost(`the end of ${hop}`, exp, claimsOf(parent).exp);
}

/** The facts of the sign-in: carried over, never refreshed. */
function signInOf({ auth_time: time, acr, amr, sid }) {
  return { time, acr, amr, sid };
}

function actorIn(service, clientId) {
  return { iss: service.issuer, sub: clientId, client_id: clientId };
}
