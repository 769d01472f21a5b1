import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { RecordErasure, type PersonalExtent, type RecordedPerson } from '../audit/erasure.js';
import { storable } from './storable-text.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** Places in the log that are looked at together. */
const WINDOW = 20_000;
/** Milliseconds after which the rest is not counted: well before the request times out. */
const TIME = 10_000;

/** Destroys the keys that records in PostgreSQL are sealed with. */
@Injectable()
export class TypeormRecordErasure extends RecordErasure {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: TypeormSubjectKeys,
  ) {
    super();
  }

  /** No index knows who is named in what is sealed: the newest records are counted first. */
  async extentOf(person: RecordedPerson): Promise<PersonalExtent> {
    const keyId = await this.keys.idOf(person);
    const [head] = await this.dataSource.query<{ size: string }[]>(
      'select size from nte_ledger_head',
    );
    const end = performance.now() + TIME;
    let [records, unsealed] = [0, 0];
    let until = Number(head?.size ?? 0);
    for (; until > 0 && performance.now() < end; until -= WINDOW) {
      const [found] = await this.dataSource.query<{ sealed: string; clear: string }[]>(
        `select count(*) filter (where strpos(document, '"key":"' || $3 || '"') > 0) as sealed,
                count(*) filter (where subject_sub = $4 and subject_iss = $5) as clear
           from nte_audit_record where sequence >= $1 and sequence < $2`,
        [until - WINDOW, until, keyId, storable(person.sub), storable(person.iss)],
      );
      records += Number(found?.sealed ?? 0);
      unsealed += Number(found?.clear ?? 0);
    }
    return { keyId, records, unsealed, isComplete: until <= 0 };
  }

  keyOf(person: RecordedPerson): Promise<string | null> {
    return this.keys.idOf(person);
  }

  erase(person: RecordedPerson): Promise<string | null> {
    return this.keys.destroy(person);
  }
}
