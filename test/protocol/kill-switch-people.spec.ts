import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { SignOut } from '../../src/authorization/sign-out.js';
import type { Client } from '../../src/clients/client.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { OPENID_SCOPES } from '../../src/oauth/openid.js';
import { TokenType } from '../../src/oauth/token-type.js';
import type { TextBrowser } from '../support/browser.js';
import type { Answer } from '../support/protocol.js';
import { CALLBACK, claimsIn, ISSUER, Provider, textClaim } from '../support/provider.js';
import { expectNotAtUserInfo, expectRefusal } from '../support/refusals.js';

/** Everything that bob gave to the application before the switch, with another code that waits. */
interface Held {
  readonly browser: TextBrowser;
  readonly code: string;
  readonly offlineCode: string;
  readonly online: Answer;
  readonly offline: Answer;
  /** What the gateway and the service behind it made of the access token. */
  readonly exchanged: Answer;
  readonly exchangedAgain: Answer;
}

type Way = keyof typeof WAYS;

/** What somebody who holds all of it can try. */
const WAYS = {
  code: ({ code }: Held) => provider.redeem(code, {}, 'portal'),
  'a code of an authorization that outlives the session': ({ offlineCode }: Held) =>
    provider.redeem(offlineCode, {}, 'portal'),
  'the refresh token': ({ online }: Held) => refresh(online),
  'a refresh token that outlives the session': ({ offline }: Held) => refresh(offline),
  'an exchange of the access token': ({ online }: Held) =>
    provider.exchange(online.body['access_token']),
  'an exchange of an access token that outlives the session': ({ offline }: Held) =>
    provider.exchange(offline.body['access_token']),
  'an exchange of the ID token': ({ online }: Held) =>
    provider.exchange(online.body['id_token'], { subject_token_type: TokenType.IdToken }),
  'an exchange of the exchanged token': ({ exchanged }: Held) => exchangeOn(exchanged),
  'an exchange of the token that came of two': ({ exchangedAgain }: Held) =>
    provider.token(
      {
        grant_type: GrantType.TokenExchange,
        subject_token: String(exchangedAgain.body['access_token']),
        subject_token_type: TokenType.AccessToken,
        audience: 'address_service',
      },
      'postal_service',
    ),
} as const;

const EXCHANGES = [
  'an exchange of the access token',
  'an exchange of an access token that outlives the session',
  'an exchange of the exchanged token',
  'an exchange of the token that came of two',
] as const;
const INVALID_GRANT = (reason: string) => ({ error: 'invalid_grant', reason });
const BAD_TOKEN = { error: 'invalid_request', reason: 'token_party_disabled' };
const NOT_A_CLIENT = { status: 401, error: 'invalid_client', reason: 'client_disabled' };

let provider: Provider;

beforeAll(async () => {
  provider = await Provider.start();
  await provider.client({
    clientId: 'portal',
    grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
    scopes: [...OPENID_SCOPES, 'address:read'],
    targets: ['my_gateway'],
    defaultTarget: 'my_gateway',
    signIn: { redirectUris: [CALLBACK], consentRequired: false },
  });
  await provider.change('postal_service', {
    grantTypes: [GrantType.TokenExchange],
    scopes: ['address:read'],
    targets: ['address_service'],
  });
  await provider.change('address_service', { targets: ['postal_service'] });
});

afterAll(() => provider.stop());

function refresh(answer: Answer): Promise<Answer> {
  return provider.refresh(answer.body['refresh_token'], {}, 'portal');
}

/** The exchange of `address_service` for `postal_service`. */
function exchangeOn(answer: Answer): Promise<Answer> {
  return provider.token(
    {
      grant_type: GrantType.TokenExchange,
      subject_token: String(answer.body['access_token']),
      subject_token_type: TokenType.AccessToken,
      audience: 'postal_service',
    },
    'address_service',
  );
}

/** Bob signs in, and everybody uses what they get, so that everything is remembered as good. */
async function hold(): Promise<Held> {
  const browser = provider.browser();
  const code = (scope: string): Promise<string> =>
    provider.code({ client_id: 'portal', scope }, browser, 'bob');
  const [plain, lasting] = ['openid address:read', 'openid address:read offline_access'];
  const online = await provider.redeem(await code(plain), {}, 'portal');
  const offline = await provider.redeem(await code(lasting), {}, 'portal');
  const exchanged = await provider.exchange(online.body['access_token']);
  const exchangedAgain = await exchangeOn(exchanged);
  expect((await provider.userInfo(online.body['access_token'])).status).toBe(200);
  const grants = [online, exchanged, exchangedAgain].map(
    (answer) => claimsIn(answer, 'access_token')['grant_id'],
  );
  expect(new Set(grants).size).toBe(1);
  const codes = { code: await code(plain), offlineCode: await code(lasting) };
  const held = { browser, ...codes, online, offline, exchanged, exchangedAgain };
  for (const way of EXCHANGES) expect([way, (await WAYS[way](held)).status]).toEqual([way, 200]);
  return held;
}

type Refusals = Readonly<Partial<Record<Way, ReturnType<typeof INVALID_GRANT>>>>;

/** Expects each way to be refused as is said of it, each with one record; and UserInfo, too. */
async function expectOff(held: Held, refusals: Refusals): Promise<void> {
  for (const [way, refusal] of Object.entries(refusals) as [
    Way,
    ReturnType<typeof INVALID_GRANT>,
  ][])
    await expectRefusal(provider, () => WAYS[way](held), refusal);
  await expectNotAtUserInfo(provider, held.online.body['access_token']);
}

const TOKENS_REFUSED: Refusals = Object.fromEntries(EXCHANGES.map((way) => [way, BAD_TOKEN]));

describe('Everything is refused within a second', () => {
  it('when the person is disabled, and codes and refresh tokens at once', async () => {
    const held = await hold();
    await provider.changeAccount('bob', { disabled: true });
    await expectOff(held, {
      code: INVALID_GRANT('account_disabled'),
      'a code of an authorization that outlives the session': INVALID_GRANT('account_disabled'),
      'the refresh token': INVALID_GRANT('account_disabled'),
      'a refresh token that outlives the session': INVALID_GRANT('account_disabled'),
      'an exchange of the ID token': BAD_TOKEN,
      ...TOKENS_REFUSED,
    });
    const page = await held.browser.send(`${ISSUER}/account`);
    expect(page.location?.pathname).toBe('/sign-in');
    await provider.changeAccount('bob', { disabled: false });
  });

  it('when the application is disabled', async () => {
    const held = await hold();
    await provider.change('portal', { disabled: true });
    await expectOff(held, {
      code: NOT_A_CLIENT,
      'a code of an authorization that outlives the session': NOT_A_CLIENT,
      'the refresh token': NOT_A_CLIENT,
      'a refresh token that outlives the session': NOT_A_CLIENT,
      'an exchange of the ID token': BAD_TOKEN,
      ...TOKENS_REFUSED,
    });
    await provider.change('portal', { disabled: false });
  });

  it('when a service in the chain is disabled, but what it never saw', async () => {
    const held = await hold();
    await provider.change('my_gateway', { disabled: true });
    await expectRefusal(
      provider,
      () => WAYS['an exchange of the access token'](held),
      NOT_A_CLIENT,
    );
    for (const way of [
      'an exchange of the exchanged token',
      'an exchange of the token that came of two',
    ] as const)
      await expectRefusal(provider, () => WAYS[way](held), BAD_TOKEN);
    expect((await provider.userInfo(held.online.body['access_token'])).status).toBe(200);
    await provider.change('my_gateway', { disabled: false });
    expect((await WAYS['an exchange of the exchanged token'](held)).status).toBe(200);
  });

  it('when the person takes back what they allowed', async () => {
    const held = await hold();
    const page = await held.browser.open(`${ISSUER}/account`);
    const forms = [...(page.text.match(/<form\b/g) ?? []).keys()];
    const index = forms.find((each) => {
      const { action, fields } = held.browser.form(each);
      return action.endsWith('/withdraw') && fields['client_id'] === 'portal';
    });
    await held.browser.submit({}, index);
    provider.clock.advance(1_000);
    await expectOff(held, {
      code: INVALID_GRANT('authorization_revoked'),
      'a code of an authorization that outlives the session':
        INVALID_GRANT('authorization_revoked'),
      'the refresh token': INVALID_GRANT('authorization_revoked'),
      'a refresh token that outlives the session': INVALID_GRANT('authorization_revoked'),
      ...TOKENS_REFUSED,
    });
    // Bob himself is as good as ever: he can allow it again.
    const again = await provider.code({ client_id: 'portal' }, held.browser);
    expect((await provider.redeem(again, {}, 'portal')).status).toBe(200);
  });

  it('when everything of the person is ended, as with a new password from an administrator', async () => {
    const held = await hold();
    const { accountId } = await provider.account('bob');
    const cause = { origin: { requestId: 'r1' }, operation: 'password-reset' };
    await provider.app.get(SignOut, { strict: false }).endEverything(accountId, cause);
    provider.clock.advance(1_000);
    await expectOff(held, {
      code: INVALID_GRANT('authorization_revoked'),
      'a code of an authorization that outlives the session':
        INVALID_GRANT('authorization_revoked'),
      'the refresh token': INVALID_GRANT('authorization_revoked'),
      'a refresh token that outlives the session': INVALID_GRANT('authorization_revoked'),
      ...TOKENS_REFUSED,
    });
  });

  it('when the session ends, but what outlives it', async () => {
    const held = await hold();
    await held.browser.open(`${ISSUER}/connect/endsession`);
    await held.browser.submit({ choice: 'sign-out' });
    await expectRefusal(provider, () => WAYS.code(held), INVALID_GRANT('authorization_revoked'));
    await expectRefusal(
      provider,
      () => WAYS['the refresh token'](held),
      INVALID_GRANT('authorization_revoked'),
    );
    provider.clock.advance(1_000);
    await expectOff(held, {
      'an exchange of the access token': BAD_TOKEN,
      'an exchange of the exchanged token': BAD_TOKEN,
      'an exchange of the token that came of two': BAD_TOKEN,
    });
    for (const way of [
      'a code of an authorization that outlives the session',
      'a refresh token that outlives the session',
      'an exchange of an access token that outlives the session',
    ] as const)
      expect([way, (await WAYS[way](held)).status]).toEqual([way, 200]);
    expect((await provider.userInfo(held.offline.body['access_token'])).status).toBe(200);
  });

  it('when one authorization alone is revoked, but what came of others', async () => {
    const held = await hold();
    const grantId = textClaim(held.online, 'access_token', 'grant_id');
    await provider.authorizations.revoke(grantId, provider.clock.now());
    provider.clock.advance(1_000);
    await expectOff(held, {
      'the refresh token': INVALID_GRANT('authorization_revoked'),
      'an exchange of the access token': BAD_TOKEN,
      'an exchange of the exchanged token': BAD_TOKEN,
      'an exchange of the token that came of two': BAD_TOKEN,
    });
    expect((await WAYS.code(held)).status).toBe(200);
    expect((await WAYS['a refresh token that outlives the session'](held)).status).toBe(200);
  });
});

describe('What an application may have', () => {
  it.each<[string, Partial<Client>, { error: string; reason: string }]>([
    [
      'its target',
      { targets: [], defaultTarget: null },
      { error: 'invalid_target', reason: 'target_not_allowed' },
    ],
    ['every scope', { scopes: [] }, { error: 'invalid_scope', reason: 'scope_empty' }],
    [
      'the grant',
      { grantTypes: [] },
      { error: 'unauthorized_client', reason: 'grant_not_allowed' },
    ],
  ])(
    'ends for codes and refresh tokens when %s is taken from it',
    async (_name, changes, refusal) => {
      const held = await hold();
      const { targets, defaultTarget, scopes, grantTypes } = (await provider.clients.find(
        'portal',
      )) as Client;
      await provider.change('portal', changes);
      await expectRefusal(provider, () => WAYS.code(held), refusal);
      await expectRefusal(provider, () => WAYS['the refresh token'](held), refusal);
      await provider.change('portal', { targets, defaultTarget, scopes, grantTypes });
      expect((await WAYS['the refresh token'](held)).status).toBe(200);
    },
  );
});
