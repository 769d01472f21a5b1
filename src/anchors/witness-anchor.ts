import { addCheckpointBody, cosignatureIn, type WitnessKey } from '../audit/ledger/cosignature.js';
import {
  AnchorError,
  LedgerAnchor,
  type DepartingCheckpoint,
} from '../audit/ledger/ledger-anchor.js';
import { openedText } from '../audit/ledger/signed-note.js';
import type { GuardedFetch, TextAnswer } from '../tokens/guarded-fetch.js';
import { post } from './post.js';

/** A witness: where checkpoints are submitted, and the key that it cosigns with. */
export interface WitnessSettings {
  /** The submission prefix, without a slash at its end. */
  readonly url: string;
  readonly key: WitnessKey;
}

/**
 * A witness (c2sp.org/tlog-witness), which cosigns a checkpoint when that continues what it cosigned
 * before. Its word alone proves nothing until its cosignature was verified.
 */
export class WitnessAnchor extends LedgerAnchor {
  constructor(
    private readonly settings: WitnessSettings,
    private readonly fetch: GuardedFetch,
  ) {
    super();
  }

  get name(): string {
    return `witness ${this.settings.key.name}`;
  }

  /** A witness is not asked what it has: it says so when it is given the next. */
  last(): Promise<null> {
    return Promise.resolve(null);
  }

  async keep(checkpoint: DepartingCheckpoint): Promise<string> {
    const first = await this.#add(checkpoint, checkpoint.former);
    const known = first.status === 409 ? sizeIn(first) : undefined;
    if (known !== undefined && known > checkpoint.size) throw new AnchorError('ahead_of_log');
    const isNews = known !== undefined && known !== checkpoint.former;
    const answer = isNews ? await this.#add(checkpoint, known) : first;
    // It has another root at this size, or the proof does not lead from its root to ours.
    if (answer.status === 409 || answer.status === 422) throw new AnchorError('other_history');
    if (answer.status !== 200) throw new AnchorError(`status_${answer.status}`);
    const text = openedText(checkpoint.note);
    const line = cosignatureIn(answer.text.split('\n'), text, this.settings.key);
    if (line === undefined) throw new AnchorError('no_cosignature');
    return line;
  }

  async #add({ note, size, tree }: DepartingCheckpoint, old: number): Promise<TextAnswer> {
    const proof = old > 0 && old < size ? await tree.consistency(old, size) : [];
    const body = addCheckpointBody(old, proof, note);
    return post(this.fetch, `${this.settings.url}/add-checkpoint`, body);
  }
}

/** The size of the checkpoint that a witness cosigned last, as its refusal says. */
function sizeIn({ text }: TextAnswer): number | undefined {
  return /^(?:0|[1-9]\d{0,14})\n$/.test(text) ? Number(text) : undefined;
}
