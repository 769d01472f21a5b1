import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { SessionStore } from '../accounts/session-store.js';
import type { Session } from '../accounts/session.js';
import { assertSame } from './assert-same.js';
import { sampleSession, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

const PROOF = { authTime: 1_800_000_000_000, acr: 'again', amr: ['pwd', 'otp'] };

/** The promises of the port `SessionStore`, as tests of the adapter that `open` gives. */
export function sessionStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: SessionStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of SessionStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): SessionStore => adapter().store;
    const find = (hash: string): Promise<Session | null> => store().findBySecretHash(hash);
    const sidsOf = async (accountId: string): Promise<string[]> =>
      (await store().list(accountId, 100)).map(({ sid }) => sid);
    const created = async (session: Partial<Session> = {}): Promise<Session> => {
      const whole = sampleSession(session);
      await store().create(whole);
      return whole;
    };

    it('refuses a session whose sid or secret is taken, and keeps the first', async () => {
      const first = await created();
      const { sid, secretHash } = first;
      await assert.rejects(store().create(sampleSession({ sid })));
      await assert.rejects(store().create(sampleSession({ secretHash })));
      assertSame(await find(secretHash), first);
    });

    it('finds nothing where there is nothing, whatever is asked for', async () => {
      for (const text of ['', 'x', '\0', '\ud800', "' or 1=1 --", randomUUID()]) {
        assert.equal(await find(text), null);
        assert.equal(await store().find(text), null);
        assertSame(await store().list(text, 10), []);
        assert.equal(await store().end(text), null);
        assertSame(await store().endAll(text), []);
        assert.equal(await store().addClient(text, 'web_app'), false);
        assert.equal(await store().rotate({ from: text, to: unique('new') }, PROOF), null);
        await store().touch(text, { at: 1, address: null });
      }
    });

    it('keeps a session as it was given', async () => {
      for (const session of [await created(), await created({ address: null, userAgent: null })])
        assertSame(await find(session.secretHash), session);
    });

    it('finds a session by its name too, and neither by the other', async () => {
      const { sid, secretHash } = await created();
      const to = unique('new');
      const session = await store().rotate({ from: secretHash, to }, PROOF);
      assertSame(await store().find(sid), session);
      assert.equal(await store().find(to), null);
      assert.equal(await find(sid), null);
    });

    it('lists the sessions of one account, newest first', async () => {
      const accountId = randomUUID();
      await created();
      const times = [3, 1, 2].map((createdAt) => ({ createdAt }));
      const sessions = await Promise.all(times.map((at) => created({ accountId, ...at })));
      const [three, one, two] = sessions.map(({ sid }) => sid);
      assertSame(await sidsOf(accountId), [three, two, one]);
      assertSame((await store().list(accountId, 1)).length, 1);
    });

    it('notes when and where it was seen, and never goes back', async () => {
      const { secretHash, sid, lastSeenAt } = await created();
      await store().touch(sid, { at: lastSeenAt + 10, address: '2001:db8::2' });
      await store().touch(sid, { at: lastSeenAt + 5, address: '192.0.2.9' });
      const seen = await find(secretHash);
      assertSame([seen?.lastSeenAt, seen?.address], [lastSeenAt + 10, '2001:db8::2']);
    });

    it('gives a session another secret, and the old one is worth nothing', async () => {
      const session = await created();
      const to = unique('new');
      const rotated = await store().rotate({ from: session.secretHash, to }, PROOF);
      assertSame(rotated, { ...session, ...PROOF, secretHash: to });
      assertSame(await find(to), rotated);
      assert.equal(await find(session.secretHash), null);
      assert.equal(
        await store().rotate({ from: session.secretHash, to: unique('x') }, PROOF),
        null,
      );
    });

    it('lets one of many that rotate the same secret through', async () => {
      const { secretHash: from } = await created();
      const results = await Promise.all(
        Array.from({ length: 10 }, () => store().rotate({ from, to: unique('new') }, PROOF)),
      );
      assert.equal(results.filter((session) => session !== null).length, 1);
    });

    it('notes every client once, in order, also when many come at once', async () => {
      const { sid, secretHash } = await created({ clients: [] });
      for (const clientId of ['b', 'a', 'b'])
        assert.equal(await store().addClient(sid, clientId), true);
      assertSame((await find(secretHash))?.clients, ['b', 'a']);
      const many = Array.from({ length: 10 }, (_, index) => `client-${index % 5}`);
      await Promise.all(many.map((clientId) => store().addClient(sid, clientId)));
      assert.equal((await find(secretHash))?.clients.length, 7);
    });

    it('ends a session once, and says what it was', async () => {
      const session = await created();
      const { sid, secretHash } = session;
      const ended = await Promise.all([1, 2, 3].map(() => store().end(sid)));
      assertSame(
        ended.filter((each) => each !== null),
        [session],
      );
      assert.equal(await find(secretHash), null);
      assert.equal(await store().find(sid), null);
      await store().touch(sid, { at: Number.MAX_SAFE_INTEGER, address: null });
      assert.equal(await store().addClient(sid, 'web_app'), false);
      assert.equal(await store().rotate({ from: secretHash, to: unique('new') }, PROOF), null);
      assert.equal(await find(secretHash), null);
    });

    it('does not end a session of another account than the one that is named', async () => {
      const { sid, secretHash, accountId } = await created();
      for (const other of [randomUUID(), '', '\0'])
        assert.equal(await store().end(sid, other), null);
      assert.equal((await find(secretHash))?.sid, sid);
      assert.equal((await store().end(sid, accountId))?.sid, sid);
    });

    it('ends all sessions of an account, or all but one, and nobody else’s', async () => {
      const other = await created();
      const accountId = randomUUID();
      const sessions = [await created({ accountId }), await created({ accountId })];
      const [spared, ended] = sessions.map(({ sid }) => sid);
      const endedNow = await store().endAll(accountId, spared);
      assertSame(
        endedNow.map(({ sid }) => sid),
        [ended],
      );
      assertSame(await sidsOf(accountId), [spared]);
      assert.equal((await store().endAll(accountId)).length, 1);
      assertSame(await store().endAll(accountId), []);
      assertSame(await find(other.secretHash), other);
    });

    it('removes what has expired, some at a time', async () => {
      const accountId = randomUUID();
      const over = { accountId, expiresAt: 1_000 };
      await Promise.all([created(over), created(over), created({ accountId, expiresAt: 1_001 })]);
      assert.equal(await store().removeExpired(1_000, 1), 1);
      assert.equal(await store().removeExpired(1_000, 10), 1);
      assert.equal(await store().removeExpired(1_000, 10), 0);
      assert.equal((await sidsOf(accountId)).length, 1);
    });

    it('does not share what it keeps with its callers', async () => {
      const clients = ['web_app'];
      const { secretHash } = await created({ clients });
      clients.push('other');
      assertSame((await find(secretHash))?.clients, ['web_app']);
    });
  });
}
