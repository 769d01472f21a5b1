import assert from 'node:assert/strict';

import { DEFAULT_SIGN_IN_SETTINGS, type Client } from '../clients/client.js';
import { ClientConflictError, type ClientStore } from '../clients/client-store.js';
import { assertSame } from './assert-same.js';
import { sampleClient, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `ClientStore`, as tests of the adapter that `open` gives. */
export function clientStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: ClientStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of ClientStore`, () => {
    const adapter = aroundTests(open, framework);
    const find = (clientId: string): Promise<Client | null> => adapter().store.find(clientId);
    const holder = async (identifier: string): Promise<string | undefined> =>
      (await adapter().store.findByIdentifier(identifier))?.clientId;
    const created = async (client: Partial<Client> = {}): Promise<Client> => {
      const whole = sampleClient(client);
      await adapter().store.create(whole);
      return whole;
    };

    it('refuses a client whose id is taken, and keeps the first', async () => {
      const first = await created();
      const { clientId } = first;
      const second = sampleClient({ clientId, identifiers: [unique('https://new.example/')] });
      await refuses(adapter().store.create(second), 'client_id');
      assertSame(await find(clientId), first);
      assert.equal(await holder(second.identifiers[0] ?? ''), undefined);
    });

    it('refuses a client whose id is an identifier of another', async () => {
      const clientId = unique('taken');
      await created({ identifiers: [clientId] });
      await refuses(adapter().store.create(sampleClient({ clientId })), 'client_id');
      assert.equal(await find(clientId), null);
    });

    it('refuses a client with an identifier of another, or with the id of another', async () => {
      const { clientId, identifiers } = await created();
      for (const identifier of [clientId, ...identifiers]) {
        const own = unique('https://own.example/');
        const client = sampleClient({ identifiers: [own, identifier] });
        await refuses(adapter().store.create(client), 'identifier');
        assert.equal(await find(client.clientId), null);
        assert.equal(await holder(own), undefined);
      }
    });

    it('refuses a change that takes an identifier of another, and changes nothing', async () => {
      const other = await created();
      const client = await created();
      const { version } = client;
      const wanted = {
        ...client,
        name: 'new',
        identifiers: [other.clientId],
        version: version + 1,
      };
      await refuses(adapter().store.update(wanted), 'identifier');
      assertSame(await find(client.clientId), client);
      assert.equal(await holder(client.identifiers[0] ?? ''), client.clientId);
    });

    it('refuses a change of a version that is not the stored one', async () => {
      const client = await created();
      for (const version of [0, 1, 3]) {
        await refuses(adapter().store.update({ ...client, name: 'new', version }), 'version');
      }
      assertSame(await find(client.clientId), client);
    });

    it('refuses a change of a client that it does not keep', async () => {
      const client = sampleClient({ version: 2 });
      await refuses(adapter().store.update(client), 'version');
      assert.equal(await find(client.clientId), null);
    });

    it('finds nobody where there is nobody, whatever is asked for', async () => {
      for (const text of [
        'nobody',
        '',
        '\0',
        'a\0b',
        '\ud800',
        "' or 1=1 --",
        'x'.repeat(10_000),
      ]) {
        assert.equal(await find(text), null);
        assert.equal(await holder(text), undefined);
        assert.equal(await adapter().store.delete(text), false);
      }
    });

    it('keeps a client as it was given', async () => {
      const client = await created();
      assertSame(await find(client.clientId), client);
    });

    it('finds a client by its id and by each of its identifiers', async () => {
      const { clientId, identifiers } = await created();
      for (const identifier of [clientId, ...identifiers])
        assert.equal(await holder(identifier), clientId);
      assert.equal(await find(identifiers[0] ?? ''), null);
    });

    it('writes a change whole, and frees the identifiers that it drops', async () => {
      const client = await created();
      const [kept = '', dropped = ''] = client.identifiers;
      const fresh = unique('https://fresh.example/');
      const { clientId } = client;
      const changed = sampleClient({
        clientId,
        kind: 'public',
        disabled: false,
        secrets: [],
        defaultTarget: null,
        identifiers: [fresh, kept],
        signIn: DEFAULT_SIGN_IN_SETTINGS,
        version: 2,
      });
      await adapter().store.update(changed);
      assertSame(await find(clientId), changed);
      assertSame(await Promise.all([fresh, kept, clientId].map(holder)), [
        clientId,
        clientId,
        clientId,
      ]);
      assert.equal(await holder(dropped), undefined);
      await created({ identifiers: [dropped] });
    });

    it('deletes a client once, and frees its id and identifiers', async () => {
      const { clientId, identifiers } = await created();
      assert.equal(await adapter().store.delete(clientId), true);
      assert.equal(await adapter().store.delete(clientId), false);
      assert.equal(await holder(clientId), undefined);
      await created({ identifiers: [clientId, ...identifiers] });
    });

    it('lists in ascending order of ids, page by page', async () => {
      const prefix = unique('list');
      const ids = ['-', '0', 'A', 'B', '_', 'a', 'b'].map((suffix) => prefix + suffix);
      for (const clientId of ids.toReversed()) await created({ clientId, identifiers: [] });
      const listed: string[] = [];
      let after = prefix;
      for (;;) {
        const page = await adapter().store.list({ after, limit: 3 });
        const mine = page.map(({ clientId }) => clientId).filter((id) => id.startsWith(prefix));
        assert.ok(page.length <= 3);
        listed.push(...mine);
        const last = mine[2];
        if (last === undefined) break;
        after = last;
      }
      assertSame(listed, ids);
      assert.equal((await adapter().store.list({ limit: 1 })).length, 1);
    });

    it('gives an identifier to one of many that ask for it at once', async () => {
      const identifier = unique('https://wanted.example/');
      const rivals = Array.from({ length: 20 }, () => sampleClient({ identifiers: [identifier] }));
      const results = await Promise.allSettled(rivals.map((each) => adapter().store.create(each)));
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const found = await Promise.all(rivals.map(({ clientId }) => find(clientId)));
      assert.equal(found.filter((client) => client !== null).length, 1);
    });

    it('lets one of many changes of the same version through', async () => {
      const client = await created();
      const changes = Array.from({ length: 20 }, (_, index) =>
        adapter().store.update({ ...client, name: `change ${index}`, version: 2 }),
      );
      const results = await Promise.allSettled(changes);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      assert.equal((await find(client.clientId))?.name, `change ${winner}`);
    });

    it('does not share what it keeps with its callers', async () => {
      const scopes = ['read'];
      const { clientId } = await created({ scopes });
      scopes.push('admin');
      assertSame((await find(clientId))?.scopes, ['read']);
    });
  });
}

function refuses(write: Promise<void>, conflict: ClientConflictError['conflict']): Promise<void> {
  return assert.rejects(write, (error) => {
    assert.ok(error instanceof ClientConflictError, String(error));
    assert.equal(error.conflict, conflict);
    return true;
  });
}
