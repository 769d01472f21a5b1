import type { DataSource } from 'typeorm';

import { KeySettings } from '../../src/keys/key-store.js';
import { AuditThread } from '../../src/typeorm/audit-thread.js';
import type { TypeormSubjectKeys } from '../../src/typeorm/index.js';
import { TypeormAuditSettings } from '../../src/typeorm/index.js';
import { KEY_SETTINGS } from './key-settings.js';

/** The thread as it is built; a record with one of these requests ends it, or has it hang. */
class ThreadUnderTest extends AuditThread {
  protected override get file(): URL {
    return new URL('audit-thread-under-test.js', import.meta.url);
  }
}

/** One that ends as soon as it is started. */
class EndingThread extends AuditThread {
  protected override get file(): URL {
    return new URL('ending-thread.js', import.meta.url);
  }
}

/** One that the host does not let begin. */
class ForbiddenThread extends AuditThread {
  protected override get file(): URL {
    // It is there when it is looked for, and refused when it is started, as a policy of Node.js does.
    return this.isUsed ? new URL('https://forbidden.example') : new URL(import.meta.url);
  }
}

export const ENDS_THREAD = 'the thread ends here';
export const HANGS_THREAD = 'the thread hangs here';

/** A thread that writes for a log of this data source. */
export function threadOf(
  dataSource: DataSource,
  keys: TypeormSubjectKeys,
  settings: Partial<TypeormAuditSettings> = {},
  keySettings: KeySettings | undefined = KEY_SETTINGS,
): AuditThread {
  const all = new TypeormAuditSettings({ thread: true, ...settings });
  return new ThreadUnderTest(dataSource, keys, all, keySettings);
}

/** A thread that may not be started. */
export function forbiddenThread(dataSource: DataSource, keys: TypeormSubjectKeys): AuditThread {
  const settings = new TypeormAuditSettings({ thread: true });
  return new ForbiddenThread(dataSource, keys, settings, KEY_SETTINGS);
}

/** A thread that ends as soon as it is started. */
export function endingThread(dataSource: DataSource, keys: TypeormSubjectKeys): AuditThread {
  const settings = new TypeormAuditSettings({ thread: true });
  return new EndingThread(dataSource, keys, settings, KEY_SETTINGS);
}
