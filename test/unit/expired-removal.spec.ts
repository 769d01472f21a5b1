import { expect, it } from '@jest/globals';

import { ExpiredRemoval } from '../../src/app/expired-removal.js';
import {
  InMemoryAuthorizationStore,
  InMemoryPolicyUseStore,
  InMemoryPushedRequestStore,
  InMemoryRevocationStore,
  InMemorySessionStore,
  InMemoryStatusListStore,
} from '../../src/testing/index.js';
import { FakeClock } from '../support/fake-clock.js';

it('What is over is removed: the counted uses of a token, and nothing that still counts', async () => {
  const clock = new FakeClock();
  const uses = new InMemoryPolicyUseStore();
  const removal = new ExpiredRemoval(
    new InMemorySessionStore(),
    new InMemoryAuthorizationStore(),
    new InMemoryPushedRequestStore(),
    new InMemoryStatusListStore(),
    uses,
    new InMemoryRevocationStore(),
    clock,
  );
  const take = (key: string, until: number | null): Promise<boolean> =>
    uses.take([{ key, limit: 2, until }]);
  for (let token = 0; token < 501; token += 1) await take(`token ${token}`, clock.now() - 1);
  await take('token of today', clock.now() + 1_000);
  await take('in all', null);
  await removal.run();
  expect(await uses.count('token 0')).toBe(0);
  expect(await uses.count('token 500')).toBe(0);
  expect(await uses.count('token of today')).toBe(1);
  expect(await uses.count('in all')).toBe(1);
  clock.advance(1_001);
  await removal.run();
  expect(await uses.count('token of today')).toBe(0);
  expect(await uses.count('in all')).toBe(1);
});
