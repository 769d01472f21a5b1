import { open } from 'node:fs/promises';

import {
  AnchorError,
  LedgerAnchor,
  type DepartingCheckpoint,
} from '../audit/ledger/ledger-anchor.js';
import { newestNote, splitNotes } from '../audit/ledger/kept-notes.js';

/** Bytes at the end of the file in which the newest checkpoint is looked for. */
const TAIL = 64 * 1024;

/**
 * A file to which every anchored checkpoint is appended, with an empty line after each. It can lie in
 * a folder that is mounted from elsewhere, and be one that can only be appended to.
 */
export class FileAnchor extends LedgerAnchor {
  readonly name = 'file';

  constructor(private readonly path: string) {
    super();
  }

  async last(origin: string): Promise<string | null> {
    return newestNote(splitNotes((await this.#tail()) ?? ''), origin);
  }

  async keep({ note }: DepartingCheckpoint): Promise<null> {
    // What a crash left half written must not run into the next.
    const tail = await this.#tail();
    const gap = tail === undefined || tail === '' || tail.endsWith('\n\n') ? '' : '\n\n';
    try {
      const file = await open(this.path, 'a', 0o644);
      try {
        await file.appendFile(`${gap}${note}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw new AnchorError(reasonOf(cause), { cause });
    }
    return null;
  }

  /** The end of the file; undefined when there is none. */
  async #tail(): Promise<string | undefined> {
    try {
      const file = await open(this.path, 'r');
      try {
        const { size } = await file.stat();
        const length = Math.min(size, TAIL);
        const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
        return buffer.toString('utf8');
      } finally {
        await file.close();
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new AnchorError(reasonOf(cause), { cause });
    }
  }
}

/** The system's own word, such as ENOSPC. */
function reasonOf(cause: unknown): string {
  return `file_${(cause as NodeJS.ErrnoException).code ?? 'failed'}`;
}
