import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The key that seals private keys in development: made once, kept beside the database, mode 0600. */
export async function developmentEncryptionKey(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'encryption.key');
  try {
    await writeFile(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await chmod(path, 0o600);
  }
  const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64');
  if (key.length !== 32)
    throw new Error(
      `${path} does not hold 32 bytes in base64; remove the data folder to begin anew`,
    );
  return key;
}
