import { expect, it } from '@jest/globals';

import { RecordRetirement, RetentionSettings } from '../../src/app/record-retirement.js';
import { RecordRetention, type RetiredRange } from '../../src/audit/retention.js';
import { FakeClock } from '../support/fake-clock.js';

/** Notes what it is asked for, and lets nothing go. */
class AskedRetention extends RecordRetention {
  readonly asked: number[] = [];

  async plan(): Promise<RetiredRange | null> {
    return null;
  }

  async retire(before: number): Promise<RetiredRange | null> {
    this.asked.push(before);
    return null;
  }
}

it('Without a setting every record is kept for ever', async () => {
  const records = new AskedRetention();
  const step = new RecordRetirement(records, new FakeClock(), new RetentionSettings(undefined));
  step.onApplicationBootstrap();
  await step.run();
  await step.beforeApplicationShutdown();
  expect(records.asked).toEqual([]);
});

it('Records go that are older than they are to be kept', async () => {
  const records = new AskedRetention();
  const clock = new FakeClock();
  const step = new RecordRetirement(records, clock, new RetentionSettings(86_400_000));
  await step.run();
  expect(records.asked).toEqual([clock.now() - 86_400_000]);
});
