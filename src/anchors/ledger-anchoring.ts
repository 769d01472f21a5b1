import { setTimeout as sleep } from 'node:timers/promises';

import {
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import {
  AnchorSettings,
  AnchorStore,
  isDue,
  newAnchor,
  type AnchorState,
} from '../audit/ledger/anchor-store.js';
import { originOfLog, readCheckpoint } from '../audit/ledger/checkpoint.js';
import { checkpointIn } from '../audit/ledger/kept-notes.js';
import {
  AnchorError,
  LedgerAnchor,
  type DepartingCheckpoint,
} from '../audit/ledger/ledger-anchor.js';
import { LedgerBrokenError, LedgerContinuity } from '../audit/ledger/ledger-continuity.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { openedText, openNote, readVerifierKey } from '../audit/ledger/signed-note.js';
import { signedTree } from '../audit/ledger/signed-tree.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';

/** Milliseconds between two looks for what is due, at most. */
const TICK = 5_000;

/** The anchors of a service. */
export class LedgerAnchors {
  constructor(readonly all: readonly LedgerAnchor[]) {}
}

/** A checkpoint that lies elsewhere. */
interface Held {
  readonly anchor: string;
  readonly note: string;
}

/**
 * Gives checkpoints to the anchors, one instance at a time, and first holds the log against what they
 * have. What an anchor holds stops the signing only if our own key signed it and the log does not
 * continue it; an anchor that fails stops nothing.
 */
@Injectable()
export class LedgerAnchoring
  extends LedgerContinuity
  implements OnApplicationBootstrap, BeforeApplicationShutdown
{
  readonly #logger = new Logger(LedgerAnchoring.name);
  readonly #origin: string;
  /** What was logged of each anchor last. */
  readonly #said = new Map<string, string | null>();
  #first: Promise<void> | undefined;
  #broken: LedgerBrokenError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly anchors: LedgerAnchors,
    private readonly settings: AnchorSettings,
    private readonly clock: Clock,
    issuer: IssuerSettings,
    private readonly store: AnchorStore,
    @Optional() private readonly reader?: LedgerReader,
  ) {
    super();
    this.#origin = originOfLog(issuer.issuer);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.store.declare(this.anchors.all.map(({ name }) => name));
    if (this.anchors.all.length > 0) this.#next();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.#timer);
    // Whatever an anchor is about, the service may stop.
    await Promise.race([this.#round, sleep(this.settings.patience, undefined, { ref: false })]);
  }

  async assure(): Promise<void> {
    if (this.anchors.all.length === 0) return;
    this.#first ??= this.#check().catch((error: unknown) => {
      this.#first = undefined;
      throw error;
    });
    await this.#first;
    if (this.#broken) throw this.#broken;
  }

  /**
   * Gives the newest checkpoint to every anchor that is due, unless another instance does.
   * @throws LedgerBrokenError when the log does not continue what an anchor holds
   */
  async run(): Promise<void> {
    await this.store.alone(() => this.#anchor());
  }

  async #anchor(): Promise<void> {
    const size = (await this.reader?.size()) ?? 0;
    const now = this.clock.now();
    const states = await this.store.list();
    const stateOf = (name: string): AnchorState =>
      states.find((state) => state.name === name) ?? newAnchor(name);
    const due = this.anchors.all.filter(({ name }) =>
      isDue(stateOf(name), size, now, this.settings),
    );
    if (due.length === 0 && this.#broken === undefined) return;
    await this.#check();
    if (this.#broken) throw this.#broken;
    const departing = await this.#departing();
    if (departing === undefined) return;
    await Promise.all(due.map((anchor) => this.#give(anchor, departing, stateOf(anchor.name))));
  }

  async #departing(): Promise<Omit<DepartingCheckpoint, 'former'> | undefined> {
    const note = await this.reader?.checkpoint();
    const tree = this.reader && (await signedTree(this.reader));
    if (note === undefined || note === null || !tree) return undefined;
    return { ...readCheckpoint(openedText(note)), note, tree };
  }

  async #give(
    anchor: LedgerAnchor,
    checkpoint: Omit<DepartingCheckpoint, 'former'>,
    state: AnchorState,
  ): Promise<void> {
    const { size, note } = checkpoint;
    const triedAt = this.clock.now();
    try {
      const line = await inTime(
        anchor.keep({ ...checkpoint, former: state.size }),
        6 * this.settings.patience,
      );
      if (line !== null) await this.store.addCosignature(size, anchor.name, line);
      const anchoredAt = this.clock.now();
      const { name } = state;
      await this.store.save({ name, size, note, anchoredAt, triedAt, failures: 0, error: null });
      this.#say(name, null);
    } catch (cause) {
      const error = cause instanceof AnchorError ? cause.reason : 'internal_error';
      this.#say(state.name, error, cause);
      await this.store.save({ ...state, triedAt, failures: state.failures + 1, error });
    }
  }

  /** Holds the log against everything that is kept elsewhere, or was said to be. */
  async #check(): Promise<void> {
    const states = await this.store.list();
    const known = states.flatMap(({ name, note }) =>
      note === null ? [] : [{ anchor: name, note }],
    );
    const held = (await Promise.all(this.anchors.all.map((each) => this.#lastOf(each)))).flat();
    // After the anchors were asked: the log is ahead of them, or level.
    this.#broken = await this.#compare([...held, ...known]);
  }

  async #lastOf(anchor: LedgerAnchor): Promise<readonly Held[]> {
    try {
      const note = await inTime(anchor.last(this.#origin), this.settings.patience);
      return note === null ? [] : [{ anchor: anchor.name, note }];
    } catch (cause) {
      this.#say(anchor.name, cause instanceof AnchorError ? cause.reason : 'internal_error', cause);
      return [];
    }
  }

  async #compare(held: readonly Held[]): Promise<LedgerBrokenError | undefined> {
    const { reader } = this;
    if (reader === undefined || held.length === 0) return undefined;
    const keys = (await reader.verifierKeys()).map(readVerifierKey);
    const tree = await signedTree(reader);
    for (const { anchor, note } of held) {
      const checkpoint = checkpointIn(note);
      const isOurs = keys.some((key) => {
        try {
          return openNote(note, key).text === openedText(note);
        } catch {
          return false;
        }
      });
      if (checkpoint === undefined || !isOurs)
        return broken(anchor, 'holds a checkpoint that no key of this log has signed');
      const size = tree?.size ?? 0;
      if (tree === null || size < checkpoint.size)
        return broken(
          anchor,
          `holds a checkpoint of ${checkpoint.size} records, and only ${size} are signed here: the database was put back`,
        );
      if (checkpoint.size > 0 && !(await tree.rootAt(checkpoint.size)).equals(checkpoint.root))
        return broken(anchor, `holds another history of the first ${checkpoint.size} records`);
    }
    return undefined;
  }

  #next(): void {
    this.#timer = setTimeout(
      () => {
        this.#round = this.run()
          .catch((error: unknown) => {
            if (error instanceof LedgerBrokenError) return;
            this.#logger.warn({ event: 'anchoring_failed', cause: String(error) });
          })
          .then(() => this.#next());
      },
      Math.min(TICK, this.settings.interval),
    );
    this.#timer.unref();
  }

  /** Once for each change. */
  #say(anchor: string, error: string | null, cause?: unknown): void {
    const former = this.#said.get(anchor) ?? null;
    this.#said.set(anchor, error);
    if (error === former) return;
    if (error === null) this.#logger.log({ event: 'anchor_mended', anchor });
    else this.#logger.warn({ event: 'anchor_failed', anchor, reason: error, cause: String(cause) });
  }
}

/** @throws AnchorError when it takes longer; such as a folder that is mounted from where nobody answers */
async function inTime<T>(work: Promise<T>, patience: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AnchorError('timeout')), patience);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function broken(anchor: string, why: string): LedgerBrokenError {
  return new LedgerBrokenError(
    `The ledger is not what it was, and no checkpoint is signed: the anchor "${anchor}" ${why}`,
  );
}
