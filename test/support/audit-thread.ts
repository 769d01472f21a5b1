import type { DataSource } from 'typeorm';

import { AuditThread } from '../../src/typeorm/audit-thread.js';
import { TypeormAuditSettings, type TypeormSubjectKeys } from '../../src/typeorm/index.js';
import { KEY_SETTINGS } from './key-settings.js';

/** A record with one of these requests ends the thread, or has it hang. */
export const ENDS_THREAD = 'the thread ends here';
export const HANGS_THREAD = 'the thread hangs here';

/** The thread as it is built. */
class BuiltThread extends AuditThread {
  protected override get file(): URL {
    return new URL('audit-thread-under-test.js', import.meta.url);
  }
}

/** One that ends as soon as it is started. */
export class EndingThread extends AuditThread {
  protected override get file(): URL {
    return new URL('ending-thread.js', import.meta.url);
  }
}

/** One that the host does not let begin. */
export class ForbiddenThread extends AuditThread {
  protected override get file(): URL {
    // It is there when it is looked for, and refused when it is started, as a policy of Node.js does.
    return this.isUsed ? new URL('https://forbidden.example') : new URL(import.meta.url);
  }
}

/** A thread that writes for a log of this data source. */
export function threadOf(
  dataSource: DataSource,
  keys: TypeormSubjectKeys,
  settings: Partial<TypeormAuditSettings> = {},
  Kind: typeof AuditThread = BuiltThread,
): AuditThread {
  const all = new TypeormAuditSettings({ thread: true, ...settings });
  return new Kind(dataSource, keys, all, KEY_SETTINGS);
}
