import { Injectable } from '@nestjs/common';

/** Forgets what it derived from records before a place in the log; may be told twice. */
export type ForgetBefore = (place: number) => Promise<void>;

/** Who keeps something that was derived from records, and has to forget it with them. */
@Injectable()
export class RetirementListeners {
  readonly #listeners = new Set<ForgetBefore>();

  add(listener: ForgetBefore): void {
    this.#listeners.add(listener);
  }

  /** Rejects when one of them fails. */
  async tell(place: number): Promise<void> {
    for (const forget of this.#listeners) await forget(place);
  }
}
