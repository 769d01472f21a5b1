import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { HASH_LENGTH } from '../audit/ledger/hashing.js';
import { LedgerReader, type LeafPart, type PlacedLeaf } from '../audit/ledger/ledger-reader.js';
import { placeOfPart, readLeaf } from '../audit/ledger/leaf.js';
import { openPart } from '../audit/ledger/part-seal.js';
import { TILE_WIDTH, widthOf, type EntryBundle, type Tile } from '../audit/ledger/tile.js';
import { isUuid } from '../delegation/token-id.js';
import type { StoredRecord } from './audit-entries.js';
import { firstPlace } from './ledger-partitions.js';
import { preparedQuery } from './prepared-query.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';

/** A checkpoint with what witnesses signed beside it. */
const COSIGNED = `note || coalesce(
  (select string_agg(line || chr(10), '' order by witness) from nte_ledger_cosignature as beside
    where beside.size = kept.size), '') as note`;

/** Reads the log in PostgreSQL: full tiles as they are kept, partial ones from what is below them. */
@Injectable()
export class TypeormLedgerReader extends LedgerReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: TypeormSubjectKeys,
  ) {
    super();
  }

  async checkpoint(): Promise<string | null> {
    const [row] = await this.#query<{ note: string }>(
      `select ${COSIGNED} from nte_ledger_checkpoint as kept order by size desc limit 1`,
    );
    return row?.note ?? null;
  }

  async checkpoints(atLeast: number): Promise<readonly string[]> {
    const rows = await this.#query<{ note: string }>(
      `select ${COSIGNED} from nte_ledger_checkpoint as kept
        where size >= $1 order by size limit 1000`,
      [atLeast],
    );
    return rows.map(({ note }) => note);
  }

  async size(): Promise<number> {
    const [row] = await this.#query<{ size: string | null }>(
      'select max(size) as size from nte_ledger_checkpoint',
    );
    return Number(row?.size ?? 0);
  }

  async signedAt(): Promise<number | null> {
    const [row] = await this.#query<{ signedAt: string }>(
      'select signed_at as "signedAt" from nte_ledger_checkpoint order by size desc limit 1',
    );
    return row === undefined ? null : Number(row.signedAt);
  }

  async verifierKeys(): Promise<readonly string[]> {
    const rows = await this.#query<{ verifier_key: string }>(
      'select verifier_key from nte_ledger_key order by created_at desc, verifier_key',
    );
    return rows.map(({ verifier_key: key }) => key);
  }

  async tile(tile: Tile): Promise<Buffer | null> {
    if (!(await this.#covers(tile))) return null;
    return readTile(tile, (text, values) => this.#query(text, values));
  }

  first(): Promise<number> {
    return firstPlace((text, values) => this.#query(text, values));
  }

  async leaves({ index, width }: EntryBundle): Promise<readonly PlacedLeaf[] | 'retired' | null> {
    if (!(await this.#covers({ level: 0, index, width }))) return null;
    const rows = await this.#query<StoredRecord>(
      `select sequence, document, sealed from nte_audit_record
        where sequence >= $1 and sequence < $2 order by sequence`,
      [index * TILE_WIDTH, index * TILE_WIDTH + width],
    );
    const isShort = rows.length < width;
    if (isShort && index * TILE_WIDTH < (await this.first())) return 'retired';
    return this.#placed(rows);
  }

  async leavesAt(indexes: readonly number[]): Promise<readonly PlacedLeaf[]> {
    const rows = await this.#query<StoredRecord>(
      `select sequence, document, sealed from nte_audit_record
        where sequence = any($1::bigint[])
          and sequence < (select max(size) from nte_ledger_checkpoint) order by sequence`,
      [indexes],
    );
    return this.#placed(rows);
  }

  async indexOf(recordId: string): Promise<number | null> {
    if (!isUuid(recordId)) return null;
    const [row] = await preparedQuery<{ sequence: string }>(
      this.dataSource,
      'nte_index',
      `select sequence from nte_audit_record where id = $1
          and sequence < (select max(size) from nte_ledger_checkpoint)`,
      [recordId],
    );
    return row === undefined ? null : Number(row.sequence);
  }

  async #placed(rows: readonly StoredRecord[]): Promise<readonly PlacedLeaf[]> {
    const ids = new Set(rows.flatMap(({ document }) => keysOf(document)));
    const found = await this.keys.find([...ids].filter((id) => id !== null));
    return rows.map((row) => ({
      index: Number(row.sequence),
      text: row.document,
      parts: partsOf(row, found),
    }));
  }

  async #covers(tile: Tile): Promise<boolean> {
    return widthOf(tile, await this.size()) >= tile.width;
  }

  #query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.dataSource.query<Row[]>(text, values);
  }
}

/**
 * The hashes of a tile that the log has: of a full tile as it is kept, of any other from the leaves or
 * from the roots of the tiles below.
 * @throws Error when some of them are not there
 */
export async function readTile(
  { level, index, width }: Tile,
  query: <Row>(text: string, values: unknown[]) => Promise<readonly Row[]>,
): Promise<Buffer> {
  const keptHashes = async (): Promise<Buffer | undefined> => {
    const [kept] = await query<{ hashes: Buffer }>(
      'select hashes from nte_ledger_tile where level = $1 and index = $2',
      [level, index],
    );
    return kept?.hashes.subarray(0, width * HASH_LENGTH);
  };
  const whole = width === TILE_WIDTH ? await keptHashes() : undefined;
  if (whole) return whole;
  const from = index * TILE_WIDTH;
  const rows = await (level === 0
    ? query<{ hash: Buffer }>(
        `select leaf_hash as hash from nte_audit_record
          where sequence >= $1 and sequence < $2 order by sequence`,
        [from, from + width],
      )
    : query<{ hash: Buffer }>(
        `select root as hash from nte_ledger_tile
          where level = $3 and index >= $1 and index < $2 order by index`,
        [from, from + width, level - 1],
      ));
  const hashes = Buffer.concat(rows.map(({ hash }) => hash));
  if (hashes.length === width * HASH_LENGTH) return hashes;
  // Of retired records the full tile is all that is left.
  const part = await keptHashes();
  if (part === undefined) throw new Error(`The log lacks hashes of its tile ${level}/${index}`);
  return part;
}

function keysOf(document: string): readonly (string | null)[] {
  try {
    return readLeaf(document).sealed.map(({ key }) => key);
  } catch {
    // Whoever changed it changed its hash too: to find that out is the verifier's part.
    return [];
  }
}

function partsOf(
  { document, sealed }: StoredRecord,
  found: ReadonlyMap<string, Buffer>,
): readonly LeafPart[] {
  return keysOf(document).map((id, at) => {
    const key = id === null ? null : found.get(id);
    if (key === undefined) return 'erased';
    const opened = openPart(key, placeOfPart(readLeaf(document).record, at), sealed[at] ?? '');
    return opened === undefined
      ? 'damaged'
      : { salt: opened.salt.toString('base64url'), text: opened.text };
  });
}
