import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { AccountConflictError, type AccountStore } from '../accounts/account-store.js';
import type { Account } from '../accounts/account.js';
import { assertSame } from './assert-same.js';
import { sampleAccount, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `AccountStore`, as tests of the adapter that `open` gives. */
export function accountStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: AccountStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of AccountStore`, () => {
    const adapter = aroundTests(open, framework);
    const find = (accountId: string): Promise<Account | null> => adapter().store.find(accountId);
    const holder = async (username: string): Promise<string | undefined> =>
      (await adapter().store.findByUsername(username))?.accountId;
    const created = async (account: Partial<Account> = {}): Promise<Account> => {
      const whole = sampleAccount(account);
      await adapter().store.create(whole);
      return whole;
    };

    it('refuses an account whose id is taken, and keeps the first', async () => {
      const first = await created();
      const second = sampleAccount({ accountId: first.accountId });
      await refuses(adapter().store.create(second), 'account_id');
      assertSame(await find(first.accountId), first);
      assert.equal(await holder(second.username), undefined);
    });

    it('refuses an account whose username is taken, in whatever spelling', async () => {
      const name = unique('straße-ⅷ');
      const first = await created({ username: name.normalize('NFKC') });
      for (const username of [name, name.toUpperCase().replace('SS', 'ß'), name.normalize('NFD')]) {
        const rival = sampleAccount({ username });
        await refuses(adapter().store.create(rival), 'username');
        assert.equal(await find(rival.accountId), null);
        assert.equal(await holder(username), first.accountId);
      }
    });

    it('refuses a change that takes the username of another, and changes nothing', async () => {
      const other = await created();
      const account = await created();
      const username = other.username.toUpperCase();
      await refuses(adapter().store.update({ ...account, username, version: 2 }), 'username');
      assertSame(await find(account.accountId), account);
      assert.equal(await holder(username), other.accountId);
    });

    it('refuses a change of a version that is not the stored one', async () => {
      const account = await created();
      for (const version of [0, 1, 3])
        await refuses(adapter().store.update({ ...account, name: 'new', version }), 'version');
      assertSame(await find(account.accountId), account);
    });

    it('refuses a change of an account that it does not keep', async () => {
      const account = sampleAccount({ version: 2 });
      await refuses(adapter().store.update(account), 'version');
      assert.equal(await find(account.accountId), null);
    });

    it('finds nobody where there is nobody, whatever is asked for', async () => {
      const nobody = ['nobody', '', '\0', 'a\0b', '\ud800', "' or 1=1 --", 'x'.repeat(10_000)];
      for (const text of [...nobody, randomUUID()]) {
        assert.equal(await find(text), null);
        assert.equal(await holder(text), undefined);
        assert.equal(await adapter().store.delete(text), false);
      }
    });

    it('keeps an account as it was given, with a password and without', async () => {
      for (const account of [await created(), await created({ password: null, locale: null })])
        assertSame(await find(account.accountId), account);
    });

    it('writes a change whole, and frees the username that it drops', async () => {
      const account = await created();
      const { accountId, username } = account;
      const changed: Account = {
        ...account,
        username: unique('Renamed'),
        email: null,
        emailVerified: false,
        claims: {},
        groups: [],
        roles: [],
        disabled: false,
        password: null,
        version: 2,
      };
      await adapter().store.update(changed);
      assertSame(await find(accountId), changed);
      assert.equal(await holder(changed.username.toLowerCase()), accountId);
      assert.equal(await holder(username), undefined);
      await created({ username });
    });

    it('deletes an account once, and frees its username', async () => {
      const { accountId, username } = await created();
      assert.equal(await adapter().store.delete(accountId), true);
      assert.equal(await adapter().store.delete(accountId), false);
      assert.equal(await find(accountId), null);
      await created({ username });
    });

    it('lists in ascending order of usernames whatever their case, page by page', async () => {
      const prefix = unique('List');
      const names = ['', '-', '0', 'A', 'b', 'C', '\u{e9}', '\u{ff41}9', '\u{1f600}'];
      const usernames = names.map((suffix) => (prefix + suffix).normalize('NFKC'));
      for (const username of usernames.toReversed()) await created({ username });
      const listed: string[] = [];
      let after = prefix.slice(0, -1);
      for (;;) {
        const page = await adapter().store.list({ after, limit: 4 });
        assert.ok(page.length <= 4);
        const mine = page
          .map(({ username }) => username)
          .filter((username) => username.startsWith(prefix));
        listed.push(...mine);
        const last = mine[3];
        if (last === undefined) break;
        after = last;
      }
      const a9 = usernames[7] ?? '';
      assertSame(listed, [...usernames.slice(0, 4), a9, ...usernames.slice(4, 7), usernames[8]]);
      assert.equal((await adapter().store.list({ limit: 1 })).length, 1);
    });

    it('gives a username to one of many that ask for it at once', async () => {
      const username = unique('Wanted');
      const rivals = Array.from({ length: 20 }, (_, index) =>
        sampleAccount({ username: index % 2 ? username : username.toUpperCase() }),
      );
      const results = await Promise.allSettled(rivals.map((each) => adapter().store.create(each)));
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const found = await Promise.all(rivals.map(({ accountId }) => find(accountId)));
      assert.equal(found.filter((account) => account !== null).length, 1);
    });

    it('lets one of many changes of the same version through', async () => {
      const account = await created();
      const changes = Array.from({ length: 20 }, (_, index) =>
        adapter().store.update({ ...account, name: `change ${index}`, version: 2 }),
      );
      const results = await Promise.allSettled(changes);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      assert.equal((await find(account.accountId))?.name, `change ${winner}`);
    });

    it('does not share what it keeps with its callers', async () => {
      const groups = ['staff'];
      const { accountId } = await created({ groups });
      groups.push('wheel');
      assertSame((await find(accountId))?.groups, ['staff']);
    });
  });
}

function refuses(write: Promise<void>, conflict: AccountConflictError['conflict']): Promise<void> {
  return assert.rejects(write, (error) => {
    assert.ok(error instanceof AccountConflictError, String(error));
    assert.equal(error.conflict, conflict);
    return true;
  });
}
