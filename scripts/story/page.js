import { drawChain } from './chain-tree.js';

const STYLES = { bold: '1', dim: '2', red: '31', green: '32', cyan: '36' };

/** Where the story is written: headings, sentences, claims. Colours only where a person looks. */
export class Page {
  #out;
  #isColoured;
  #step = 0;

  /** @param {NodeJS.WriteStream} out */
  constructor(out) {
    this.#out = out;
    this.#isColoured = out.isTTY && !process.env.NO_COLOR;
  }

  /** What the story is about, before it begins. */
  introduce(lines) {
    this.#write(...lines);
  }

  /** Begins a step: one heading and one plain sentence for a newcomer. */
  step(heading, sentence) {
    this.#step += 1;
    this.#write('', this.style('bold', `${this.#step}. ${heading}`), `   ${sentence}`);
  }

  /** What a token says; times are told in words too. */
  claims(title, claims) {
    const width = Math.max(...Object.keys(claims).map((name) => name.length));
    const lines = Object.entries(claims).map(([name, value]) => {
      const label = this.style('cyan', name.padEnd(width));
      return `     ${label}  ${inWords(name, value, claims, width + 7)}`;
    });
    this.#write('', `   ${this.style('green', '✓')} ${title}`, ...lines);
  }

  /** What was done, in one line. */
  done(text) {
    this.#write('', `   ${this.style('green', '✓')} ${text}`);
  }

  /** What was asked in vain, and the whole answer. */
  refused(text, { status, body }) {
    const answer = `${status} ${body.error ?? '?'}: ${body.error_description ?? ''}`;
    this.#write('', `   ${this.style('red', '✗')} ${text}`, `     ${this.style('dim', answer)}`);
  }

  /** The delegation chain as a tree. */
  chain(view) {
    const lines = drawChain(view, (name, text) => this.style(name, text));
    this.#write('', ...lines.map((line) => (line === '' ? '' : `   ${line}`)));
  }

  /** The last lines: whether everything held. */
  verdict(differences, held) {
    if (differences.length === 0) {
      this.#write('', this.style('green', `The story held: ${held} expectations.`));
      return;
    }
    this.#write('', this.style('red', `The story did not hold. What differed:`));
    this.#write(...differences.map((difference) => `  - ${difference}`));
  }

  style(name, text) {
    return this.#isColoured ? `\u001B[${STYLES[name]}m${text}\u001B[0m` : text;
  }

  #write(...lines) {
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
  }
}

function inWords(name, value, claims, column) {
  if (name === 'exp') return `${value}  (${value - claims.iat} seconds after iat)`;
  if (name === 'iat' || name === 'auth_time') {
    return `${value}  (${new Date(value * 1000).toISOString()})`;
  }
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.join(' ');
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(column)}`);
}
