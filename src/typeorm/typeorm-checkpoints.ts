import type { KeyObject } from 'node:crypto';

import {
  Injectable,
  Logger,
  Optional,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';

import { checkpointText, originOfLog, readCheckpoint } from '../audit/ledger/checkpoint.js';
import {
  LedgerBrokenError,
  LedgerContinuity,
  LedgerStanding,
} from '../audit/ledger/ledger-continuity.js';
import { rootOfComplete, TiledTree } from '../audit/ledger/tiled-tree.js';
import { noteKeyOf, openedText, openNote, signNote } from '../audit/ledger/signed-note.js';
import { hashesAt, TILE_WIDTH } from '../audit/ledger/tile.js';
import { KeySettings } from '../keys/key-store.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { makeRoom, partitionsOf } from './ledger-partitions.js';
import { ledgerKey } from './ledger-keys.js';
import { TypeormAuditLog } from './typeorm-audit-log.js';
import { readTile } from './typeorm-ledger-reader.js';
import type { Query } from './typeorm-subject-keys.js';
import { inDurableTransaction, inWriteTransaction, Lock } from './write-transaction.js';

/** Milliseconds between two looks for news; a checkpoint is due within a second of every record. */
const INTERVAL = 750;

/**
 * Signs a checkpoint whenever the log has grown. It reads what was written, and signs only when that
 * has the root that the writers say, and continues what was signed before: one that does not is
 * never signed.
 */
@Injectable()
export class TypeormCheckpoints implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger(TypeormCheckpoints.name);
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  /** What was said last of why none is signed. */
  #said: string | undefined;
  /** Where the partition begins that nobody writes to yet. */
  #ahead = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: TypeormAuditLog,
    @Optional() private readonly clock?: Clock,
    @Optional() private readonly keys?: KeySettings,
    @Optional() private readonly issuer?: IssuerSettings,
    @Optional() private readonly continuity?: LedgerContinuity,
    @Optional() private readonly standing?: LedgerStanding,
  ) {}

  /** The name of the log: the address of its tiles without the scheme. */
  get origin(): string {
    return originOfLog(this.issuer?.issuer ?? '');
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.keys === undefined || this.issuer === undefined) return;
    await this.#sign();
    this.#next();
  }

  /** After the last record was written. */
  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#round;
    if (this.#timer === undefined) return;
    await this.log.onApplicationShutdown();
    await this.#sign();
  }

  /**
   * Signs a checkpoint if there is news. Several instances may do it at once.
   * @throws LedgerBrokenError when the log is not what it should be
   */
  async sign(): Promise<void> {
    const encryptionKey = this.keys?.encryptionKey;
    if (encryptionKey === undefined) throw new Error('The ledger has no key encryption key');
    await this.continuity?.assure();
    const [news] = await this.dataSource.query<{ isNews: boolean; isNamed: boolean }[]>(
      `select size <> coalesce((select max(size) from nte_ledger_checkpoint), 0) as "isNews",
              exists (select 1 from nte_ledger_key where starts_with(verifier_key, $1)) as "isNamed"
         from nte_ledger_head`,
      [`${this.origin}+`],
    );
    if (news?.isNews === false && news.isNamed) return;
    const size = await inWriteTransaction(this.dataSource, Lock.Ledger, async (manager) => {
      const key = await ledgerKey(manager, encryptionKey, this.origin);
      return this.#signHead(manager, key);
    });
    if (size >= this.#ahead) await this.#makeRoomAhead(size);
  }

  /** One partition more than the one that is written to, so that no writer has to make it. */
  async #makeRoomAhead(size: number): Promise<void> {
    this.#ahead = await inDurableTransaction(this.dataSource, async (manager) => {
      const query: Query = (text, values) => manager.query(text, values);
      const partitions = await partitionsOf(query);
      const current = partitions.find(({ until }) => until > size);
      return makeRoom(query, current?.until ?? size);
    });
  }

  /** @returns how many leaves the log has */
  async #signHead(manager: EntityManager, key: KeyObject): Promise<number> {
    const [head] = await manager.query<{ size: string; root: Buffer }[]>(
      'select size, root from nte_ledger_head',
    );
    const [last] = await manager.query<{ size: string; note: string }[]>(
      'select size, note from nte_ledger_checkpoint order by size desc limit 1',
    );
    const size = Number(head?.size ?? 0);
    const from = Number(last?.size ?? 0);
    if (head === undefined || size === 0 || (last && size === from)) return size;
    if (size < from) throw broken(`it has ${size} leaves, and ${from} were signed`);
    await keepTiles(manager, from, size);
    const tree = new TiledTree(size, (tile) =>
      readTile(tile, (text, values) => manager.query(text, values)),
    );
    if (!(await tree.rootAt(size)).equals(head.root))
      throw broken(`its first ${size} leaves have not the root that was written with them`);
    if (last) {
      const signed = readCheckpoint(openedText(last.note));
      if (!(await tree.rootAt(from)).equals(signed.root))
        throw broken(`its first ${from} leaves are not those that were signed`);
    }
    const checkpoint = { origin: this.origin, size, root: head.root };
    const note = signNote(checkpointText(checkpoint), this.origin, key);
    openNote(note, noteKeyOf(this.origin, key));
    await manager.query('insert into nte_ledger_checkpoint values ($1, $2, $3)', [
      size,
      note,
      this.clock?.now() ?? Date.now(),
    ]);
    return size;
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#sign().then(() => this.#next());
    }, INTERVAL);
    this.#timer.unref();
  }

  async #sign(): Promise<void> {
    try {
      await this.sign();
      this.#said = undefined;
      if (this.standing) this.standing.broken = null;
    } catch (error) {
      this.#say(error);
    }
  }

  /** Once for each cause: the next try is not far. */
  #say(error: unknown): void {
    const isBroken = error instanceof LedgerBrokenError;
    if (isBroken && this.standing) this.standing.broken = error.message;
    const cause = String(error);
    if (cause === this.#said) return;
    this.#said = cause;
    this.#logger.error({ event: isBroken ? 'ledger_broken' : 'checkpoint_failed', cause });
  }
}

/** Keeps every tile that became full since, from the lowest level up. */
async function keepTiles(manager: EntityManager, from: number, size: number): Promise<void> {
  for (let level = 0; hashesAt(level + 1, size) > 0; level += 1) {
    const first = hashesAt(level + 1, from);
    for (let index = first; index < hashesAt(level + 1, size); index += 1) {
      const tile = { level, index, width: TILE_WIDTH };
      const hashes = await readTile(tile, (text, values) => manager.query(text, values));
      await manager.query('insert into nte_ledger_tile values ($1, $2, $3, $4)', [
        level,
        index,
        hashes,
        rootOfComplete(hashes),
      ]);
    }
  }
}

function broken(why: string): LedgerBrokenError {
  return new LedgerBrokenError(
    `The ledger is not what it was, and no checkpoint is signed: ${why}`,
  );
}
