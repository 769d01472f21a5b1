import { query } from './contenders.js';

/**
 * @typedef {import('./contenders.js').Contender} Contender
 * @typedef {import('./load.js').Tokens} Tokens
 */

/** @type {readonly Tokens[]} */
export const KINDS = ['distinct', 'repeated'];

/** The contenders under load, and the sum of what they answered. */
export class Bench {
  /** Answers with a token; each contender has given one when it was checked. @type {Map<Contender, number>} */
  #granted;

  /**
   * @param {import('./measure.js').Load} load
   * @param {readonly Contender[]} contenders
   * @param {{ connections: number, warmUp: number }} options
   * @param {number} postmaster the process id of PostgreSQL
   */
  constructor(load, contenders, options, postmaster) {
    this.load = load;
    this.contenders = contenders;
    this.options = options;
    this.postmaster = postmaster;
    this.#granted = new Map(contenders.map((contender) => [contender, 1]));
  }

  async warmUp() {
    for (const contender of this.contenders) {
      for (const tokens of KINDS)
        await this.measure(contender, tokens, this.options.warmUp / KINDS.length);
    }
  }

  /**
   * @param {Contender} contender
   * @param {Tokens} tokens
   * @param {number} seconds
   */
  async measure(contender, tokens, seconds) {
    const how = { tokens, seconds, connections: this.options.connections };
    const measured = await this.load.measure(contender, how, this.postmaster);
    this.#granted.set(contender, (this.#granted.get(contender) ?? 0) + measured.granted);
    return measured;
  }

  /**
   * What was answered must have been written, neither more nor less.
   * @returns {Promise<readonly string[]>} what was found, a line for each contender that writes
   * @throws Error when the numbers differ
   */
  async checkRecords() {
    const lines = [];
    for (const [{ databaseUrl, table, title }, granted] of this.#granted) {
      if (table === undefined) continue;
      const [row] = await query(
        databaseUrl,
        `select count(*)::int as records, (count(*) filter (where outcome = 'granted'))::int as granted,
                avg(length(document))::int as length, (count(distinct xmin::text))::int as commits
           from ${table}`,
      );
      if (row.records !== granted || row.granted !== granted)
        throw new Error(
          `${title}: ${granted} tokens were given; ${row.granted} of ${row.records} records say so`,
        );
      lines.push(
        `${title}: ${granted} tokens, ${row.records} records of ${row.length} characters in ${row.commits} commits`,
      );
    }
    return lines;
  }
}
