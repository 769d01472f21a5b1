// Puts a contender under load and sees what it does and uses.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { cpuOf, cpuOfFamily } from './processes.js';

/** Seconds under load before the counted ones. */
const LEAD_IN = 0.3;

/**
 * What one contender did in one round. Processor time in milliseconds for each exchange.
 * @typedef {object} Figures
 * @property {number} rate exchanges per second
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number | null} serverCpu
 * @property {number | null} postgresCpu
 * @property {number | null} loadCpu
 */

/**
 * @typedef {object} Measured
 * @property {Figures} figures
 * @property {number} granted every answer with a token, counted or not
 * @property {number} counted
 * @property {{ begin: number, end: number }} window microseconds on the clock of this machine
 */

/** The process that makes the load. */
export class Load {
  /**
   * @param {import('./scene.js').Scene} scene
   * @param {number} tokens
   * @param {number} people
   */
  static async start(scene, tokens, people) {
    const load = new Load();
    await load.#ask({ prepare: { scene, count: tokens, people } }, 'prepared');
    return load;
  }

  #child = fork(fileURLToPath(new URL('load.js', import.meta.url)));

  /**
   * @param {import('./contenders.js').Contender} contender
   * @param {{ tokens: import('./load.js').Tokens, connections: number, seconds: number }} how
   * @param {number} postmaster the process id of PostgreSQL
   * @returns {Promise<Measured>}
   * @throws Error when one answer gave no token
   */
  async measure(contender, how, postmaster) {
    const snapshot = () => ({
      at: Number(process.hrtime.bigint() / 1000n),
      server: cpuOf(contender.pid),
      postgres: cpuOfFamily(postmaster),
      load: cpuOf(this.#child.pid ?? 0),
    });
    let begin = snapshot();
    let end = begin;
    const order = { ...how, port: contender.port, leadIn: LEAD_IN };
    /** @type {import('./load.js').Answers} */
    const answers = await this.#ask({ order }, 'answers', (mark) => {
      if (mark === 'begin') begin = snapshot();
      else end = snapshot();
    });
    if (answers.failed > 0 || answers.counted === 0) {
      const { failed, failure = 'no answer at all' } = answers;
      throw new Error(`${contender.title}: ${failed} exchanges failed. The first:\n${failure}`);
    }
    const { counted, granted, p50, p99, seconds } = answers;
    /** @param {'server' | 'postgres' | 'load'} who */
    const used = (who) => {
      const [before, after] = [begin[who], end[who]];
      return before === undefined || after === undefined ? null : (after - before) / counted;
    };
    return {
      figures: {
        rate: counted / seconds,
        p50,
        p99,
        serverCpu: used('server'),
        postgresCpu: contender.table === undefined ? null : used('postgres'),
        loadCpu: used('load'),
      },
      granted,
      counted,
      window: { begin: begin.at, end: end.at },
    };
  }

  stop() {
    if (this.#child.connected) this.#child.disconnect();
  }

  /**
   * @param {object} message
   * @param {string} answer
   * @param {(mark: 'begin' | 'end') => void} [marked]
   * @returns {Promise<any>}
   */
  #ask(message, answer, marked = () => undefined) {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('The load ended'));
      /** @param {any} told */
      const hear = (told) => {
        if (told.mark) marked(told.mark);
        if (!(answer in told)) return;
        this.#child.off('message', hear).off('exit', ended);
        resolve(told[answer]);
      };
      this.#child.on('message', hear).once('exit', ended);
      this.#child.send(message);
    });
  }
}
