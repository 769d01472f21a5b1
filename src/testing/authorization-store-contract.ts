import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type {
  AuthorizationFilter,
  AuthorizationStore,
} from '../authorization/authorization-store.js';
import type {
  Authorization,
  AuthorizationCode,
  RefreshToken,
} from '../authorization/authorization.js';
import { assertSame } from './assert-same.js';
import { sampleAuthorization, sampleCode, sampleRefreshToken, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

const NOW = 1_800_000_000_000;
const NO_OVERLAP = { now: NOW, overlap: 0 };
const HOSTILE = ['', 'x', '\0', 'a\0b', '\ud800', "' or 1=1 --", 'x'.repeat(10_000)];

/** The promises of the port `AuthorizationStore`, as tests of the adapter that `open` gives. */
export function authorizationStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: AuthorizationStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of AuthorizationStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): AuthorizationStore => adapter().store;
    const find = (id: string): Promise<Authorization | null> => store().find(id);
    const revokedAt = async ({ authorizationId }: Authorization): Promise<number | null> => {
      const authorization = await find(authorizationId);
      assert.ok(authorization);
      return authorization.revokedAt;
    };
    const created = async (
      authorization: Partial<Authorization> = {},
      code: Partial<AuthorizationCode> = {},
    ): Promise<{ readonly authorization: Authorization; readonly code: AuthorizationCode }> => {
      const whole = sampleAuthorization(authorization);
      const { authorizationId } = whole;
      const itsCode = sampleCode({ ...code, authorizationId });
      await store().create(whole, itsCode);
      return { authorization: whole, code: itsCode };
    };
    const withToken = async (
      token: Partial<RefreshToken> = {},
    ): Promise<{ readonly authorization: Authorization; readonly token: RefreshToken }> => {
      const { authorization } = await created();
      const whole = successorOf(authorization, token);
      await store().addRefreshToken(whole);
      return { authorization, token: whole };
    };
    const rotate = (
      { tokenHash }: RefreshToken,
      successor: RefreshToken,
      time: { readonly now: number; readonly overlap: number },
    ): Promise<'rotated' | 'reused' | 'revoked' | null> =>
      store().rotateRefreshToken(tokenHash, successor, time);
    const isKept = async ({ tokenHash }: RefreshToken): Promise<boolean> =>
      (await store().findRefreshToken(tokenHash)) !== null;
    const usedAt = async ({ tokenHash }: RefreshToken): Promise<number | null | undefined> =>
      (await store().findRefreshToken(tokenHash))?.token.usedAt;

    it('refuses an authorization whose id is taken, and keeps neither it nor its code', async () => {
      const { authorization } = await created();
      const { authorizationId } = authorization;
      const code = sampleCode({ authorizationId });
      await assert.rejects(store().create(sampleAuthorization({ authorizationId }), code));
      assertSame(await find(authorizationId), authorization);
      assert.equal(await store().redeemCode(code.codeHash, NOW), null);
    });

    it('refuses a code whose hash is taken, and keeps neither it nor its authorization', async () => {
      const { authorization, code } = await created();
      const second = sampleAuthorization();
      const { authorizationId } = second;
      await assert.rejects(store().create(second, { ...code, authorizationId }));
      assert.equal(await find(authorizationId), null);
      const redeemed = await store().redeemCode(code.codeHash, NOW);
      assertSame(redeemed, { code, authorization, isFirst: true });
    });

    it('refuses a refresh token whose hash is taken, or whose authorization is not kept', async () => {
      const { authorization, token } = await withToken();
      const { tokenHash } = token;
      const other = (await created()).authorization;
      await assert.rejects(store().addRefreshToken(successorOf(other, { tokenHash })));
      assertSame(await store().findRefreshToken(tokenHash), { token, authorization });
      const orphan = sampleRefreshToken();
      await assert.rejects(store().addRefreshToken(orphan));
      assert.equal(await isKept(orphan), false);
    });

    it('refuses a filter that names nothing', async () => {
      const { authorization } = await created();
      await assert.rejects(store().revokeAll({}, NOW));
      await assert.rejects(store().revokeAll({ onlyOnline: false }, NOW));
      await assert.rejects(store().revokeAll({ sparedSid: 'none' }, NOW));
      assert.equal(await revokedAt(authorization), null);
    });

    it('finds nothing where there is nothing, whatever is asked for', async () => {
      for (const text of [...HOSTILE, randomUUID()]) {
        const successor = sampleRefreshToken();
        assert.equal(await store().redeemCode(text, NOW), null);
        assert.equal(await find(text), null);
        assert.equal(await store().findRefreshToken(text), null);
        assert.equal(await store().rotateRefreshToken(text, successor, NO_OVERLAP), null);
        assert.equal(await isKept(successor), false);
        assert.equal(await store().revoke(text, NOW), false);
        assertSame(await store().list(text, 10), []);
        assertSame(await store().clientsOf(text), []);
        for (const filter of [{ accountId: text }, { clientId: text }, { sids: [text] }])
          assertSame(await store().revokeAll(filter, NOW), []);
      }
      assertSame(await store().revokeAll({ sids: [] }, NOW), []);
      assertSame(await store().revokeAll({ sids: HOSTILE }, NOW), []);
    });

    it('keeps an authorization and its code as they were given', async () => {
      const nothing = { scope: [], targets: [], amr: [], claims: { idToken: {}, userInfo: {} } };
      for (const { authorization, code } of [
        await created(),
        await created({ revokedAt: NOW, isOffline: false }),
        await created(nothing, { codeChallenge: null, nonce: null }),
      ]) {
        assertSame(await find(authorization.authorizationId), authorization);
        const redeemed = await store().redeemCode(code.codeHash, NOW);
        assertSame(redeemed, { code, authorization, isFirst: true });
      }
    });

    it('keeps claims that a database could stumble over', async () => {
      const hostile = 'a\0b\ud800c\'"\\{}\n🏠';
      const claim = { value: hostile, values: [hostile, 1e300, -0.1, null, { [hostile]: [] }] };
      const claims = { idToken: { [hostile]: claim, z: null, a: null }, userInfo: {} };
      const { authorization } = await created({ claims });
      const kept = await find(authorization.authorizationId);
      assert.equal(JSON.stringify(kept?.claims), JSON.stringify(claims));
    });

    it('keeps a refresh token as it was given, a used one too', async () => {
      for (const { token, authorization } of [await withToken(), await withToken({ usedAt: NOW })])
        assertSame(await store().findRefreshToken(token.tokenHash), { token, authorization });
    });

    it('gives what has expired too', async () => {
      const { authorization, code } = await created({ expiresAt: NOW }, { expiresAt: NOW });
      const token = successorOf(authorization, { expiresAt: NOW });
      await store().addRefreshToken(token);
      assertSame(await find(authorization.authorizationId), authorization);
      assert.equal((await store().redeemCode(code.codeHash, NOW + 1))?.isFirst, true);
      const later = { now: NOW + 1, overlap: 0 };
      assert.equal(await rotate(token, successorOf(authorization), later), 'rotated');
    });

    it('revokes the authorization when its code comes a second time, and keeps that time', async () => {
      const { authorization, code } = await created();
      await store().redeemCode(code.codeHash, NOW);
      assert.equal(await revokedAt(authorization), null);
      const revoked = { ...authorization, revokedAt: NOW + 1 };
      for (const now of [NOW + 1, NOW + 2]) {
        const redeemed = await store().redeemCode(code.codeHash, now);
        assertSame(redeemed, { code, authorization: revoked, isFirst: false });
      }
      assertSame(await find(authorization.authorizationId), revoked);
    });

    it('lets one of many that redeem a code at once be the first, and revokes', async () => {
      const { authorization, code } = await created();
      const results = await Promise.all(
        Array.from({ length: 10 }, () => store().redeemCode(code.codeHash, NOW)),
      );
      assert.equal(results.filter((redeemed) => redeemed?.isFirst === true).length, 1);
      assert.equal(results.filter((redeemed) => redeemed?.isFirst === false).length, 9);
      assert.equal(await revokedAt(authorization), NOW);
    });

    it('rotates a refresh token, and notes when', async () => {
      const { authorization, token } = await withToken();
      const successor = successorOf(authorization);
      assert.equal(await rotate(token, successor, NO_OVERLAP), 'rotated');
      assert.equal(await usedAt(token), NOW);
      const kept = await store().findRefreshToken(successor.tokenHash);
      assertSame(kept, { token: successor, authorization });
    });

    it('refuses a successor whose hash is taken, and leaves the token unused', async () => {
      const { authorization, token } = await withToken();
      const taken = (await withToken()).token;
      const { tokenHash } = taken;
      await assert.rejects(rotate(token, successorOf(authorization, { tokenHash }), NO_OVERLAP));
      assert.equal(await usedAt(token), null);
      assert.equal(await usedAt(taken), null);
    });

    it('rotates a used refresh token while the overlap lasts, counted from its first use', async () => {
      const { authorization, token } = await withToken();
      await rotate(token, successorOf(authorization), { now: NOW, overlap: 10 });
      for (const now of [NOW, NOW + 9, NOW + 9, NOW - 1]) {
        const successor = successorOf(authorization);
        assert.equal(await rotate(token, successor, { now, overlap: 10 }), 'rotated');
        assert.equal(await usedAt(successor), null);
      }
      assert.equal(await usedAt(token), NOW);
      assert.equal(await revokedAt(authorization), null);
    });

    it('revokes when a used refresh token comes within the overlap once a successor of it was used', async () => {
      const overlap = 10;
      for (const used of [0, 1]) {
        const { authorization, token } = await withToken();
        const successors = [successorOf(authorization), successorOf(authorization)];
        for (const each of successors) await rotate(token, each, { now: NOW, overlap });
        const next = successorOf(authorization, { createdAt: NOW + 1 });
        await rotate(successors[used] ?? token, next, { now: NOW + 1, overlap });
        const late = successorOf(authorization);
        assert.equal(await rotate(token, late, { now: NOW + 2, overlap }), 'reused');
        assert.equal(await isKept(late), false);
        assert.equal(await revokedAt(authorization), NOW + 2);
      }
    });

    it('lets a clock that is behind hide no use of a successor', async () => {
      const overlap = 10;
      const { authorization, token } = await withToken();
      await rotate(token, successorOf(authorization), { now: NOW, overlap });
      const behind = { now: NOW - 1000, overlap };
      const successor = successorOf(authorization, { createdAt: behind.now });
      assert.equal(await rotate(token, successor, behind), 'rotated');
      const kept = await store().findRefreshToken(successor.tokenHash);
      assertSame(kept?.token, { ...successor, createdAt: NOW });
      await rotate(successor, successorOf(authorization), behind);
      assert.equal(await rotate(token, successorOf(authorization), behind), 'reused');
    });

    it('rotates a used refresh token although older ones, and those of others, were used', async () => {
      const overlap = 10;
      const { authorization, token: parent } = await withToken({ createdAt: NOW - 1 });
      const token = successorOf(authorization);
      await rotate(parent, token, { now: NOW, overlap });
      await rotate(token, successorOf(authorization), { now: NOW + 1, overlap });
      const other = await withToken({ createdAt: NOW + 2 });
      await rotate(other.token, successorOf(other.authorization), { now: NOW + 2, overlap });
      const successor = successorOf(authorization);
      assert.equal(await rotate(token, successor, { now: NOW + 3, overlap }), 'rotated');
      assert.equal(await revokedAt(authorization), null);
    });

    it('revokes when a used refresh token comes after the overlap, and keeps nothing', async () => {
      for (const overlap of [0, 10]) {
        const { authorization, token } = await withToken();
        await rotate(token, successorOf(authorization), { now: NOW, overlap });
        const now = NOW + overlap;
        const late = successorOf(authorization);
        assert.equal(await rotate(token, late, { now, overlap }), 'reused');
        assert.equal(await isKept(late), false);
        assert.equal(await revokedAt(authorization), now);
        assert.equal(await rotate(token, late, { now: now + 1, overlap }), 'revoked');
        assert.equal(await revokedAt(authorization), now);
      }
    });

    it('grants no overlap to a clock that is behind', async () => {
      const { authorization, token } = await withToken();
      await rotate(token, successorOf(authorization), NO_OVERLAP);
      const behind = { now: NOW - 1000, overlap: 0 };
      assert.equal(await rotate(token, successorOf(authorization), behind), 'reused');
      assert.equal(await revokedAt(authorization), NOW - 1000);
    });

    it('rotates nothing when the authorization is revoked', async () => {
      const { authorization, token } = await withToken();
      await store().revoke(authorization.authorizationId, NOW);
      for (const overlap of [0, 10]) {
        const successor = successorOf(authorization);
        assert.equal(await rotate(token, successor, { now: NOW, overlap }), 'revoked');
        assert.equal(await isKept(successor), false);
      }
      assert.equal(await usedAt(token), null);
    });

    it('lets one of many that rotate the same refresh token at once through, and revokes', async () => {
      const { authorization, token } = await withToken();
      const successors = Array.from({ length: 10 }, () => successorOf(authorization));
      const results = await Promise.all(successors.map((each) => rotate(token, each, NO_OVERLAP)));
      assert.equal(results.filter((result) => result === 'rotated').length, 1);
      assert.equal(results.filter((result) => result === 'reused').length, 1);
      assert.equal(results.filter((result) => result === 'revoked').length, 8);
      assertSame(
        await Promise.all(successors.map(isKept)),
        results.map((result) => result === 'rotated'),
      );
      assert.equal(await revokedAt(authorization), NOW);
    });

    it('lets all that rotate the same refresh token at once through while the overlap lasts', async () => {
      const { authorization, token } = await withToken();
      const successors = Array.from({ length: 10 }, () => successorOf(authorization));
      const results = await Promise.all(
        successors.map((each, index) => rotate(token, each, { now: NOW + index, overlap: 10 })),
      );
      assertSame(new Set(results).size, 1);
      assert.equal(results[0], 'rotated');
      assert.ok((await Promise.all(successors.map(isKept))).every(Boolean));
      assert.equal(await revokedAt(authorization), null);
    });

    it('revokes once, and keeps the first time', async () => {
      const { authorization } = await created();
      const { authorizationId } = authorization;
      const results = await Promise.all([1, 2, 3].map(() => store().revoke(authorizationId, NOW)));
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal(await store().revoke(authorizationId, NOW + 1), false);
      assertSame(await store().revokeAll({ accountId: authorization.accountId }, NOW + 2), []);
      assertSame(await find(authorizationId), { ...authorization, revokedAt: NOW });
    });

    it('revokes what matches every part of a filter, and nothing else', async () => {
      const mine = { accountId: randomUUID(), clientId: unique('app'), sid: unique('here') };
      const { accountId, clientId, sid } = mine;
      const sids = [unique('nowhere'), sid];
      const filters: readonly (readonly [AuthorizationFilter, readonly string[]])[] = [
        [{ accountId }, ['online', 'offline', 'otherClient', 'otherSid']],
        [{ clientId }, ['online', 'offline', 'otherAccount', 'otherSid']],
        [{ sids }, ['online', 'offline', 'otherAccount', 'otherClient']],
        [{ accountId, clientId }, ['online', 'offline', 'otherSid']],
        [{ accountId, sids }, ['online', 'offline', 'otherClient']],
        [{ sids, onlyOnline: true }, ['online', 'otherAccount', 'otherClient']],
        [{ sids, onlyOnline: false }, ['online', 'offline', 'otherAccount', 'otherClient']],
        [{ accountId, clientId, sids, onlyOnline: true }, ['online']],
        [{ accountId, sparedSid: sid }, ['otherSid']],
        [{ accountId, sparedSid: undefined }, ['online', 'offline', 'otherClient', 'otherSid']],
        [{ accountId, sparedSid: '\0' }, ['online', 'offline', 'otherClient', 'otherSid']],
        [
          { accountId, sparedSid: unique('none'), onlyOnline: true },
          ['online', 'otherClient', 'otherSid'],
        ],
        [{ accountId, sids, sparedSid: sid }, []],
      ];
      for (const [filter, expected] of filters) {
        const all = {
          online: { ...mine, isOffline: false },
          offline: { ...mine, isOffline: true },
          otherAccount: { ...mine, accountId: randomUUID(), isOffline: false },
          otherClient: { ...mine, clientId: unique('other'), isOffline: false },
          otherSid: { ...mine, sid: unique('other'), isOffline: false },
          revoked: { ...mine, isOffline: false, revokedAt: NOW - 1 },
        };
        const names = new Map<string, string>();
        for (const [name, authorization] of Object.entries(all))
          names.set((await created(authorization)).authorization.authorizationId, name);
        const ids = await store().revokeAll(filter, NOW);
        const said = JSON.stringify(filter);
        assertSame(ids.map((id) => names.get(id) ?? id).toSorted(), expected.toSorted(), said);
        for (const [id, name] of names) {
          const time = name === 'revoked' ? NOW - 1 : null;
          assert.equal((await find(id))?.revokedAt, ids.includes(id) ? NOW : time, said);
        }
        // What is left would match the filters that follow.
        await store().revokeAll({ accountId }, NOW);
        await store().revokeAll({ clientId }, NOW);
        await store().revokeAll({ sids }, NOW);
      }
    });

    it('names each authorization to one of many that revoke all at once', async () => {
      const accountId = randomUUID();
      const sid = unique('session');
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1)
        ids.push((await created({ accountId, sid })).authorization.authorizationId);
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store().revokeAll(index % 2 ? { accountId } : { sids: [sid] }, NOW),
        ),
      );
      assertSame(results.flat().toSorted(), ids.toSorted());
    });

    it('lists the authorizations of one person that are not revoked, newest first', async () => {
      const accountId = randomUUID();
      await created();
      const ids: string[] = [];
      for (const createdAt of [3, 1, 2])
        ids.push((await created({ accountId, createdAt })).authorization.authorizationId);
      const revoked = await created({ accountId, createdAt: 4 });
      await store().revoke(revoked.authorization.authorizationId, NOW);
      const [three, one, two] = ids;
      const listed = await store().list(accountId, 10);
      assertSame(
        listed.map(({ authorizationId }) => authorizationId),
        [three, two, one],
      );
      assertSame(await store().list(accountId, 1), [await find(three ?? '')]);
    });

    it('names the clients of one person once each, with all that was not revoked', async () => {
      const accountId = randomUUID();
      await created();
      const given = { accountId, clientId: 'b' };
      await created({ ...given, createdAt: 3, scope: ['openid', 'ä', 'write'] });
      await created({ ...given, createdAt: 2, scope: ['Z', 'openid'] });
      await created({ accountId, clientId: 'B', createdAt: 1, scope: [] });
      await created({ ...given, createdAt: 4, scope: ['admin'], revokedAt: NOW });
      await created({ accountId, clientId: 'revoked', revokedAt: NOW });
      assertSame(await store().clientsOf(accountId), [
        { clientId: 'B', scope: [], createdAt: 1 },
        { clientId: 'b', scope: ['Z', 'openid', 'write', 'ä'], createdAt: 3 },
      ]);
    });

    it('removes what has expired or was revoked, with codes and tokens, some at a time', async () => {
      const withAll = async (
        authorization: Partial<Authorization>,
      ): Promise<() => Promise<readonly boolean[]>> => {
        const { authorization: whole, code } = await created(authorization);
        const token = successorOf(whole);
        await store().addRefreshToken(token);
        return async () => [
          (await find(whole.authorizationId)) !== null,
          await isKept(token),
          (await store().redeemCode(code.codeHash, NOW)) !== null,
        ];
      };
      const expired = await withAll({ expiresAt: 999 });
      const revoked = await withAll({ revokedAt: 999 });
      const both = await withAll({ expiresAt: 999, revokedAt: 999 });
      const expiresLater = await withAll({ expiresAt: 1_000 });
      const revokedLater = await withAll({ revokedAt: 1_000 });
      assert.equal(await store().removeExpired(1_000, 2), 2);
      assert.equal(await store().removeExpired(1_000, 2), 1);
      assert.equal(await store().removeExpired(1_000, 2), 0);
      for (const each of [expired, revoked, both]) assertSame(await each(), [false, false, false]);
      for (const each of [expiresLater, revokedLater]) assertSame(await each(), [true, true, true]);
    });

    it('does not share what it keeps with its callers', async () => {
      const scope = ['read'];
      const { authorization } = await created({ scope });
      scope.push('admin');
      assertSame((await find(authorization.authorizationId))?.scope, ['read']);
    });
  });
}

function successorOf(
  { authorizationId }: Authorization,
  token: Partial<RefreshToken> = {},
): RefreshToken {
  return sampleRefreshToken({ createdAt: NOW, ...token, authorizationId });
}
