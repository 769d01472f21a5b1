import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { claimsIn, eventsOf, ISSUER, Provider } from '../support/provider.js';

describe('The story, from a person on', () => {
  let provider: Provider;

  beforeAll(async () => {
    provider = await Provider.start();
  });

  afterAll(async () => provider.stop());

  it('begins with alice, and every token on the way names her', async () => {
    const browser = provider.browser();
    const { result: code, records } = await provider.recorded(() => provider.code({}, browser));
    expect(eventsOf(records)).toEqual([
      'authentication granted',
      'session_start granted',
      'consent granted',
      'authorization granted',
    ]);
    const alice = (await provider.account('alice')).accountId;
    const answer = await provider.redeem(code);
    expect(answer.body).toMatchObject({
      token_type: 'Bearer',
      scope: 'openid address:read',
      access_token: expect.any(String),
      id_token: expect.any(String),
      refresh_token: expect.any(String),
    });
    const [session] = await provider.sessions.list(alice, 10);
    const accessToken = claimsIn(answer, 'access_token');
    expect(accessToken).toMatchObject({
      iss: ISSUER,
      sub: alice,
      aud: ['my_gateway', `${ISSUER}/connect/userinfo`],
      client_id: 'web_app',
      acr: '1',
      amr: ['pwd'],
      sid: session?.sid,
    });
    expect(claimsIn(answer, 'id_token')).toMatchObject({
      iss: ISSUER,
      sub: alice,
      aud: 'web_app',
      nonce: 'nonce-1',
      acr: '1',
      amr: ['pwd'],
      sid: session?.sid,
      at_hash: expect.any(String),
      auth_time: expect.any(Number),
    });
    const userInfo = await provider.userInfo(answer.body['access_token']);
    expect(userInfo.body).toEqual({ sub: alice });

    const exchanged = await provider.exchange(answer.body['access_token']);
    expect(exchanged.status).toBe(200);
    expect(claimsIn(exchanged, 'access_token')).toMatchObject({
      sub: alice,
      client_id: 'web_app',
      aud: 'address_service',
      scope: 'address:read',
      act: { iss: ISSUER, sub: 'my_gateway', client_id: 'my_gateway' },
      sid: session?.sid,
      grant_id: accessToken['grant_id'],
    });

    const account = await browser.open(`${ISSUER}/account`);
    expect(account.text).toContain('API gateway');
    expect(account.text).toContain('Address service');
  });
});
