/**
 * The gateway takes its token back, and what came of it is dead everywhere.
 *
 * @param {import('./service.js').Service} service
 * @param {import('./page.js').Page} page
 * @param {import('./expectations.js').Expectations} expectations
 * @param {{ first: string, second: string }} tokens those of the two hops
 */
export async function takeBack(service, page, expectations, { first, second }) {
  page.step(
    'my_gateway takes its token back',
    'It revokes the token that it got (RFC 7009); postal_service asks about the one that came of it.',
  );
  const before = await service.introspect('postal_service', second);
  const { active, sub, act } = before.body;
  page.claims('what postal_service learned of the last token until then', { active, sub, act });
  expectations.same('the last token before', active, true);
  expectations.same('the first actor, by introspection', act?.act?.sub, 'my_gateway');
  const { status } = await service.revoke('my_gateway', first);
  expectations.same('the answer to the revocation', status, 200);
  const after = await service.introspect('postal_service', second);
  page.claims('what it learns now', after.body);
  expectations.same('the last token afterwards', after.body, { active: false });
  const what = 'address_service presents the token that my_gateway sent it';
  const answer = await service.exchange('address_service', {
    subject_token: first,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: 'postal_service',
  });
  page.refused(what, answer);
  expectations.same(what, [answer.status, answer.body.error], [400, 'invalid_request']);
}
