import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { StoryStop } from './service.js';

/**
 * @typedef {object} Demo what the service wrote about its demo clients
 * @property {string} issuer
 * @property {readonly { clientId: string, clientSecret?: string }[]} clients
 * @property {readonly { username: string, password: string, accountId: string }[]} people
 */

/**
 * Reads the file that `--demo` names, or `demo.json` in the service's data folder.
 *
 * @param {readonly string[]} args
 * @returns {Promise<Demo>}
 */
export async function readDemo(args) {
  const [flag, named, ...rest] = args;
  if (rest.length > 0 || (flag !== undefined && (flag !== '--demo' || named === undefined))) {
    throw new StoryStop('Usage: npm run story -- [--demo FILE]');
  }
  const path = named ?? join(process.env.DATA_DIR || './data', 'demo.json');
  try {
    const demo = JSON.parse(await readFile(path, 'utf8'));
    if (
      typeof demo.issuer === 'string' &&
      Array.isArray(demo.clients) &&
      Array.isArray(demo.people)
    )
      return demo;
  } catch (error) {
    const cause = /** @type {NodeJS.ErrnoException} */ (error);
    if (cause.code === 'ENOENT') {
      throw new StoryStop(`There is no ${path} yet: run "npm start", which writes it.`, { cause });
    }
    if (!(cause instanceof SyntaxError)) {
      throw new StoryStop(`${path} cannot be read: ${cause.message}`, { cause });
    }
  }
  throw new StoryStop(`${path} is damaged: remove it and run "npm start", which writes it anew.`);
}
