import { createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto';

import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { FieldOwner } from '../audit/ledger/personal-fields.js';
import { KeySeal } from '../keys/key-seal.js';
import { KeySettings } from '../keys/key-store.js';
import { inDurableTransaction } from './write-transaction.js';

const KEY_LENGTH = 32;
/**
 * Milliseconds that a key is remembered after a write found it still there. Writes with one that was
 * destroyed meanwhile are refused, so this is only how long it stays in memory of no use.
 */
const AGE = 60_000;
const SIZE = 50_000;

/** A key that seals what records say of one person. */
export interface SubjectKey {
  readonly id: string;
  readonly key: Buffer;
  /** When it was last seen to be there, in milliseconds of this process. */
  since: number;
}

/** Whose key it is. */
export interface SubjectReference {
  /**
   * Of issuer and subject together, or of a day for what is nobody's: a keyed hash, which says
   * nothing to whoever reads the table.
   */
  readonly reference: string;
  /** The keyed hash of the issuer; null for what is nobody's. */
  readonly issuer: string | null;
  readonly owner: FieldOwner;
}

/** Asks the database, over whatever connection. */
export type Query = <Row>(text: string, values: unknown[]) => Promise<readonly Row[]>;

interface KeyRow {
  readonly reference: string;
  readonly key_id: string;
  readonly wrapped_key: string;
}

/**
 * Makes the keys that are missing and gives them all. It does not wait for the disk: whatever record
 * names a key is committed after it, and its commit waits for both.
 */
const OBTAIN = `
  with hurried as (select set_config('synchronous_commit', 'off', true)),
  made as (
    insert into nte_subject_key (key_id, reference, sub_reference, iss_reference, wrapped_key, created_at)
    select key_id, reference, sub, iss, wrapped, $2::bigint
      from hurried, jsonb_to_recordset($1::jsonb) as r (
        key_id uuid, reference text, sub text, iss text, wrapped text)
    on conflict (reference) do nothing
    returning reference, key_id, wrapped_key)
  select reference, key_id, wrapped_key from made
  union all
  select reference, key_id, wrapped_key from nte_subject_key where reference = any($3)`;
const SELECT = 'select reference, key_id, wrapped_key from nte_subject_key where';

/**
 * A key for each person of whom records tell, sealed with the key encryption key. Whoever destroys
 * one makes unreadable what every record says of that person, and nothing else.
 */
@Injectable()
export class TypeormSubjectKeys {
  readonly #seal: KeySeal | undefined;
  readonly #hashKey: Buffer | undefined;
  /** Hashes are the same for ever; this only saves their time. */
  readonly #references = new Map<string, SubjectReference>();
  readonly #known = new Map<string, SubjectKey>();
  readonly #listeners: (() => void)[] = [];

  constructor(
    private readonly dataSource: DataSource,
    @Optional() settings?: KeySettings,
  ) {
    if (settings === undefined) return;
    const { encryptionKey } = settings;
    const info = 'nest-token-exchange subject reference';
    this.#seal = new KeySeal(encryptionKey, 'subject');
    this.#hashKey = Buffer.from(hkdfSync('sha256', encryptionKey, '', info, KEY_LENGTH));
  }

  /**
   * Whose key it would be.
   * @param time of the record: what is nobody's has a key for each day
   * @throws RangeError when the time is none
   */
  referenceOf(owner: FieldOwner, time: number): SubjectReference {
    // Two names may not be confused: the length says where the issuer ends.
    const name = owner === null ? dayOf(time) : `${owner.iss.length} ${owner.iss}${owner.sub}`;
    const known = this.#references.get(name);
    if (known) return known;
    const reference = {
      reference: owner === null ? this.#hash('day', name) : this.#partyReference(owner),
      issuer: owner && this.issReference(owner.iss),
      owner: owner && { iss: owner.iss, sub: owner.sub },
    };
    if (this.#references.size >= SIZE) this.#references.clear();
    this.#references.set(name, reference);
    return reference;
  }

  /** What the keys of every subject of this name have, whoever named it. */
  subReference(sub: string): string {
    return this.#hash('sub', sub);
  }

  /** What the keys of all subjects of an issuer have. */
  issReference(iss: string): string {
    return this.#hash('iss', iss);
  }

  /**
   * The keys to write with, when all are remembered.
   * @returns them by their `reference`
   */
  recall(references: readonly SubjectReference[]): ReadonlyMap<string, SubjectKey> | undefined {
    const keys = new Map<string, SubjectKey>();
    for (const { reference } of references) {
      const key = this.#recall(reference);
      if (key === undefined) return undefined;
      keys.set(reference, key);
    }
    return keys;
  }

  /**
   * The keys to write with; those that are not there yet are made.
   * @returns them by their `reference`
   */
  async obtain(
    references: readonly SubjectReference[],
    query: Query,
  ): Promise<ReadonlyMap<string, SubjectKey>> {
    const keys = new Map<string, SubjectKey>();
    const missing = new Map<string, SubjectReference>();
    for (const each of references) {
      const known = this.#recall(each.reference);
      if (known) keys.set(each.reference, known);
      else missing.set(each.reference, each);
    }
    const take = (rows: readonly KeyRow[]): void => {
      for (const row of rows) {
        keys.set(row.reference, this.#remember(row));
        missing.delete(row.reference);
      }
    };
    // Whoever was known here before most probably has a key still.
    const former = [...missing.keys()].filter((reference) => this.#known.has(reference));
    if (former.length > 0) take(await query<KeyRow>(`${SELECT} reference = any($1)`, [former]));
    // A second time sees what another instance made at the same moment.
    for (let tries = 2; missing.size > 0 && tries > 0; tries -= 1) {
      const rows = [...missing.values()]
        .toSorted((a, b) => (a.reference < b.reference ? -1 : 1))
        .map((each) => this.#make(each));
      const values = [JSON.stringify(rows), Date.now(), [...missing.keys()]];
      take(await query<KeyRow>(OBTAIN, values));
    }
    return keys;
  }

  /** Takes note that these keys are there still. */
  confirm(keys: readonly SubjectKey[]): void {
    const now = performance.now();
    for (const key of keys) key.since = now;
  }

  /** The keys of these ids that were not destroyed, as they are at this moment. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    if (ids.length === 0) return new Map();
    const rows = await this.dataSource.query<KeyRow[]>(`${SELECT} key_id = any($1::uuid[])`, [ids]);
    return new Map(rows.map((row) => [row.key_id, this.#open(row)]));
  }

  /** The id of the key of a person, as it is at this moment; null when there is none. */
  async idOf(person: NonNullable<FieldOwner>): Promise<string | null> {
    const [row] = await this.dataSource.query<{ key_id: string }[]>(
      'select key_id from nte_subject_key where reference = $1',
      [this.#partyReference(person)],
    );
    return row?.key_id ?? null;
  }

  /**
   * Destroys the key of a person, durably.
   * @returns its id; null when there was none
   */
  async destroy(person: NonNullable<FieldOwner>): Promise<string | null> {
    const gone = await inDurableTransaction(this.dataSource, async (manager) => {
      // A deletion gives its rows and their number.
      const [rows] = await manager.query<[{ key_id: string }[], number]>(
        'delete from nte_subject_key where reference = $1 returning key_id',
        [this.#partyReference(person)],
      );
      return rows[0]?.key_id ?? null;
    });
    this.forget();
    return gone;
  }

  /** Has somebody told who remembers them too. */
  onForget(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Forgets what it remembers, because a key of it was destroyed. */
  forget(): void {
    this.#known.clear();
    this.#references.clear();
    for (const listener of this.#listeners) listener();
  }

  #partyReference({ iss, sub }: NonNullable<FieldOwner>): string {
    return this.#hash('party', iss, sub);
  }

  #make({ reference, issuer, owner }: SubjectReference): object {
    const id = randomUUID();
    return {
      reference,
      sub: owner && this.subReference(owner.sub),
      iss: issuer,
      key_id: id,
      wrapped: this.#sealed().seal(id, randomBytes(KEY_LENGTH).toString('hex')),
    };
  }

  #open({ key_id: id, wrapped_key: wrapped }: KeyRow): Buffer {
    return Buffer.from(this.#sealed().open(id, wrapped), 'hex');
  }

  #recall(reference: string): SubjectKey | undefined {
    const known = this.#known.get(reference);
    return known && performance.now() - known.since < AGE ? known : undefined;
  }

  #remember(row: KeyRow): SubjectKey {
    const known = { id: row.key_id, key: this.#open(row), since: performance.now() };
    this.#known.delete(row.reference);
    this.#known.set(row.reference, known);
    const oldest = this.#known.keys().next();
    if (this.#known.size > SIZE && !oldest.done) this.#known.delete(oldest.value);
    return known;
  }

  #hash(...words: readonly string[]): string {
    if (this.#hashKey === undefined) throw missingKey();
    return createHmac('sha256', this.#hashKey).update(JSON.stringify(words)).digest('base64url');
  }

  #sealed(): KeySeal {
    if (this.#seal === undefined) throw missingKey();
    return this.#seal;
  }
}

/** A date, as `YYYY-MM-DD`. @throws RangeError when the time is none */
function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function missingKey(): Error {
  return new Error(
    'The audit log has no key encryption key: provide KeySettings, as TokenExchangeModule does',
  );
}
