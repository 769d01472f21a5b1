import { createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto';

import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { FieldOwner } from '../audit/ledger/personal-fields.js';
import { KeySeal } from '../keys/key-seal.js';
import { KeySettings } from '../keys/key-store.js';
import { inDurableTransaction } from './write-transaction.js';

const KEY_LENGTH = 32;
/** Milliseconds that a key is remembered: for so long another instance may not know that it was destroyed. */
const AGE = 60_000;
const SIZE = 50_000;

/** A key that seals what records say of one person. */
export interface SubjectKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Whose key it is: keyed hashes, which say nothing to whoever reads the table. */
export interface SubjectReference {
  /** Of issuer and subject together, or of a day for what is nobody's. */
  readonly reference: string;
  readonly sub: string | null;
  readonly iss: string | null;
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
  readonly #known = new Map<string, { readonly key: SubjectKey; readonly since: number }>();

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
    const words =
      owner === null
        ? ['day', new Date(time).toISOString().slice(0, 10)]
        : ['party', owner.iss, owner.sub];
    const name = JSON.stringify(words);
    const known = this.#references.get(name);
    if (known) return known;
    const reference = {
      reference: this.#hash(...words),
      sub: owner && this.subReference(owner.sub),
      iss: owner && this.issReference(owner.iss),
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
    if (missing.size === 0) return keys;
    const rows = [...missing.values()]
      .toSorted((a, b) => (a.reference < b.reference ? -1 : 1))
      .map((each) => ({ ...each, ...this.#make() }));
    const values = [JSON.stringify(rows), Date.now(), [...missing.keys()]];
    // A second time sees what another instance made at the same moment.
    for (let tries = 2; missing.size > 0 && tries > 0; tries -= 1)
      for (const row of await query<KeyRow>(OBTAIN, values)) {
        const key = this.#open(row);
        keys.set(row.reference, key);
        this.#remember(row.reference, key);
        missing.delete(row.reference);
      }
    return keys;
  }

  /** The keys of these ids that were not destroyed, as they are at this moment. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    if (ids.length === 0) return new Map();
    const rows = await this.dataSource.query<KeyRow[]>(`${SELECT} key_id = any($1::uuid[])`, [ids]);
    return new Map(rows.map((row) => [row.key_id, this.#open(row).key]));
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

  /** Forgets what it remembers, because a key of it was destroyed. */
  forget(): void {
    this.#known.clear();
    this.#references.clear();
  }

  #partyReference({ iss, sub }: NonNullable<FieldOwner>): string {
    return this.#hash('party', iss, sub);
  }

  #make(): { readonly key_id: string; readonly wrapped: string } {
    const id = randomUUID();
    return {
      key_id: id,
      wrapped: this.#sealed().seal(id, randomBytes(KEY_LENGTH).toString('hex')),
    };
  }

  #open({ key_id: id, wrapped_key: wrapped }: KeyRow): SubjectKey {
    return { id, key: Buffer.from(this.#sealed().open(id, wrapped), 'hex') };
  }

  #recall(reference: string): SubjectKey | undefined {
    const known = this.#known.get(reference);
    return known && performance.now() - known.since < AGE ? known.key : undefined;
  }

  #remember(reference: string, key: SubjectKey): void {
    this.#known.delete(reference);
    this.#known.set(reference, { key, since: performance.now() });
    const oldest = this.#known.keys().next();
    if (this.#known.size > SIZE && !oldest.done) this.#known.delete(oldest.value);
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

function missingKey(): Error {
  return new Error(
    'The audit log has no key encryption key: provide KeySettings, as TokenExchangeModule does',
  );
}
