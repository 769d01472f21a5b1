import { Injectable } from '@nestjs/common';

import { AuditLog, type AuditEntry } from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { frozenCopy } from './frozen-copy.js';

/** Records in the memory of this process: for tests, gone with it. */
@Injectable()
export class InMemoryAuditLog extends AuditLog {
  #entries: AuditEntry[] = [];
  #count = 0;
  readonly #ids = new Set<string>();

  /** Every entry, oldest first. */
  get entries(): readonly AuditEntry[] {
    return [...this.#entries];
  }

  async append(record: AuditRecord): Promise<AuditEntry> {
    if (this.#ids.has(record.id)) throw new Error(`The record ${record.id} is kept already`);
    this.#ids.add(record.id);
    // Kept as the JSON that a durable log keeps: absent and undefined are the same.
    const kept = JSON.parse(JSON.stringify(record)) as AuditRecord;
    const entry = frozenCopy({ sequence: String((this.#count += 1)), record: kept });
    this.#entries.push(entry);
    return entry;
  }

  /** Removes the entries before a place. */
  removeBefore(sequence: number): void {
    this.#entries = this.#entries.filter((entry) => Number(entry.sequence) >= sequence);
  }

  /** Puts what `change` gives in the place of every record for which it gives one. */
  rewrite(change: (record: AuditRecord) => AuditRecord | undefined): void {
    this.#entries.forEach(({ sequence, record }, at) => {
      const changed = change(record);
      if (changed) this.#entries[at] = frozenCopy({ sequence, record: changed });
    });
  }
}
