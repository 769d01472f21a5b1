import { randomUUID } from 'node:crypto';

import { Injectable, Optional } from '@nestjs/common';

import type { AuditRecord } from '../audit/audit-record.js';
import { RecordErasure, type PersonalExtent, type RecordedPerson } from '../audit/erasure.js';
import { putTogether, takeApart } from '../audit/ledger/personal-fields.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InMemoryAuditLog } from './in-memory-audit-log.js';

/** Takes people out of an `InMemoryAuditLog`, as if what it says of them had been sealed. */
@Injectable()
export class InMemoryRecordErasure extends RecordErasure {
  /** What would be the ids of keys; made when somebody asks. */
  readonly #keys = new Map<string, string>();

  constructor(
    private readonly log: InMemoryAuditLog,
    @Optional() private readonly issuer?: IssuerSettings,
  ) {
    super();
  }

  async extentOf(person: RecordedPerson): Promise<PersonalExtent> {
    const records = this.#naming(person);
    return { keyId: await this.keyOf(person), records, unsealed: 0, isComplete: true };
  }

  async keyOf(person: RecordedPerson): Promise<string | null> {
    if (this.#naming(person) === 0) return null;
    const name = nameOf(person);
    const keyId = this.#keys.get(name) ?? randomUUID();
    this.#keys.set(name, keyId);
    return keyId;
  }

  async erase(person: RecordedPerson): Promise<string | null> {
    const keyId = await this.keyOf(person);
    if (keyId === null) return null;
    this.log.rewrite((record) => this.#without(record, person, keyId));
    this.#keys.delete(nameOf(person));
    return keyId;
  }

  #naming(person: RecordedPerson): number {
    return this.log.entries.filter(({ record }) => this.#without(record, person, '')).length;
  }

  /** The record without the person; undefined when it does not name them. */
  #without(record: AuditRecord, person: RecordedPerson, keyId: string): AuditRecord | undefined {
    const { clear, parts } = takeApart(record, this.issuer?.issuer);
    const gone = parts.findIndex(({ owner }) => owner !== null && nameOf(owner) === nameOf(person));
    if (gone < 0) return undefined;
    const left = parts.map(({ fields }, at) => (at === gone ? undefined : fields));
    return putTogether(
      clear,
      left,
      parts.map((_, at) => (at === gone ? keyId : '')),
    );
  }
}

function nameOf({ iss, sub }: RecordedPerson): string {
  return JSON.stringify([iss, sub]);
}
