/** A mistake of whoever gave a command, with what to do about it: told without a stack trace. */
export class CommandMistake extends Error {
  override readonly name = 'CommandMistake';
}
