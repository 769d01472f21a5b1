import { randomBytes } from 'node:crypto';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * Tries what must be refused, and shows the answers.
 *
 * @param {import('./service.js').Service} service
 * @param {import('./page.js').Page} page
 * @param {import('./expectations.js').Expectations} expectations
 * @param {{ own: { address_service: string }, first: string, second: string }} tokens those of the
 *   services in their own names, and those of the two hops
 */
export async function provokeRefusals(service, page, expectations, { own, first, second }) {
  page.step(
    'What is refused',
    'A caller learns the kind of its mistake and no more; the audit record keeps the reason.',
  );
  const refuse = (what, answer, status, error) => {
    page.refused(what, answer);
    const { error: found, access_token: token } = answer.body;
    expectations.same(what, { status: answer.status, error: found }, { status, error });
    expectations.same(`${what}: a token`, token === undefined ? 'none' : 'one', 'none');
  };
  const actor = { actor_token: own.address_service, actor_token_type: ACCESS_TOKEN };
  refuse(
    'address_service asks for address:write, which it may not have',
    await service.exchange('address_service', {
      ...presenting(first),
      ...actor,
      audience: 'postal_service',
      scope: 'address:write',
    }),
    400,
    'invalid_scope',
  );
  refuse(
    'my_gateway presents the token that is meant for postal_service',
    await service.exchange('my_gateway', { ...presenting(second), audience: 'address_service' }),
    400,
    'invalid_request',
  );
  refuse(
    'a stranger, whom nobody registered, presents it',
    await service.exchange(
      // Another one each time: failures of one name are slowed down.
      `stranger_${randomBytes(4).toString('hex')}`,
      { ...presenting(second), audience: 'address_service' },
      randomBytes(32).toString('base64url'),
    ),
    401,
    'invalid_client',
  );
}

function presenting(token) {
  return { subject_token: token, subject_token_type: ACCESS_TOKEN };
}
