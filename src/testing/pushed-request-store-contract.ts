import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { PushedRequest, PushedRequestStore } from '../authorization/pushed-request-store.js';
import { assertSame } from './assert-same.js';
import { samplePushedRequest } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** The promises of the port `PushedRequestStore`, as tests of the adapter that `open` gives. */
export function pushedRequestStoreContract(
  name: string,
  open: () => Promise<Opened & { readonly store: PushedRequestStore }>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of PushedRequestStore`, () => {
    const adapter = aroundTests(open, framework);
    const store = (): PushedRequestStore => adapter().store;
    const take = ({ requestHash, clientId }: PushedRequest): Promise<PushedRequest | null> =>
      store().take(requestHash, clientId);
    const added = async (request: Partial<PushedRequest> = {}): Promise<PushedRequest> => {
      const whole = samplePushedRequest(request);
      await store().add(whole);
      return whole;
    };

    it('refuses a request whose hash is taken, and keeps the first', async () => {
      const first = await added();
      const { requestHash } = first;
      const second = samplePushedRequest({ requestHash });
      await assert.rejects(store().add(second));
      assert.equal(await take(second), null);
      assertSame(await take(first), first);
    });

    it('gives nothing where there is nothing, whatever is asked for', async () => {
      const request = await added();
      const { requestHash, clientId } = request;
      for (const text of ['', 'x', '\0', '\ud800', "' or 1=1 --", 'x'.repeat(10_000), randomUUID()])
        for (const [hash, client] of [
          [text, clientId],
          [requestHash, text],
          [text, text],
        ] as const)
          assert.equal(await store().take(hash, client), null);
      assertSame(await take(request), request);
    });

    it('gives a request as it was given, with names that repeat and in their order', async () => {
      for (const request of [await added(), await added({ parameters: [] })])
        assertSame(await take(request), request);
    });

    it('keeps text that a database could stumble over', async () => {
      const hostile = 'a\0b\ud800c\'"\\{}\n🏠';
      const request = await added({ parameters: [[hostile, hostile]] });
      assertSame(await take(request), request);
    });

    it('gives a request once', async () => {
      const request = await added();
      assertSame(await take(request), request);
      assert.equal(await take(request), null);
    });

    it('gives a request to one of many that take it at once', async () => {
      const request = await added();
      const results = await Promise.all(Array.from({ length: 10 }, () => take(request)));
      assertSame(
        results.filter((each) => each !== null),
        [request],
      );
    });

    it('removes what has expired, some at a time', async () => {
      const over = { expiresAt: 1_000 };
      const expired = [await added(over), await added(over)];
      const later = await added({ expiresAt: 1_001 });
      assert.equal(await store().removeExpired(1_000, 1), 1);
      assert.equal(await store().removeExpired(1_000, 10), 1);
      assert.equal(await store().removeExpired(1_000, 10), 0);
      for (const request of expired) assert.equal(await take(request), null);
      assertSame(await take(later), later);
    });

    it('gives what has expired until it is removed', async () => {
      const request = await added({ expiresAt: 1_001 });
      assertSame(await take(request), request);
    });

    it('does not share what it keeps with its callers', async () => {
      const parameters: [string, string][] = [['scope', 'read']];
      const request = await added({ parameters });
      parameters.push(['scope', 'admin']);
      assertSame((await take(request))?.parameters, [['scope', 'read']]);
    });
  });
}
