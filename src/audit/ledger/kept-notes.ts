import { readCheckpoint, type Checkpoint } from './checkpoint.js';
import { openedText } from './signed-note.js';

/**
 * The signed notes in a text that holds several, with an empty line after each. What is torn or
 * something else is left out.
 */
export function splitNotes(text: string): readonly string[] {
  const blocks = text.split('\n\n');
  return blocks.flatMap((block, at) => {
    const signatures = blocks[at + 1]?.replace(/\n$/, '') ?? '';
    const isNote =
      !block.startsWith('— ') &&
      block !== '' &&
      signatures.split('\n').every((line) => line.startsWith('— '));
    return isNote ? [`${block.replace(/^\n+/, '')}\n\n${signatures}\n`] : [];
  });
}

/** The largest of the checkpoints of a log; null when there is none. */
export function newestNote(notes: readonly string[], origin: string): string | null {
  let newest: { readonly note: string; readonly size: number } | undefined;
  for (const note of notes) {
    const checkpoint = checkpointIn(note);
    if (checkpoint?.origin === origin && checkpoint.size >= (newest?.size ?? 0))
      newest = { note, size: checkpoint.size };
  }
  return newest?.note ?? null;
}

/** What a note says, without looking at who signed it; undefined when it is no checkpoint. */
export function checkpointIn(note: string): Checkpoint | undefined {
  try {
    return readCheckpoint(openedText(note));
  } catch {
    return undefined;
  }
}
