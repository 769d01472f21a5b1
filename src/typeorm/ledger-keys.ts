import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import { noteKeyOf, verifierKeyText } from '../audit/ledger/signed-note.js';
import { KeySeal } from '../keys/key-seal.js';

interface KeyRow {
  readonly verifier_key: string;
  readonly sealed_private_key: string;
}

/**
 * The key that signs the checkpoints of this log; the first instance makes it. It is no signing key
 * of tokens, in a table that the key set never reads.
 * @param origin the name of the log, and of its key
 */
export async function ledgerKey(
  manager: EntityManager,
  encryptionKey: Buffer,
  origin: string,
): Promise<KeyObject> {
  const seal = new KeySeal(encryptionKey, 'ledger');
  const [kept] = await manager.query<KeyRow[]>(
    `select verifier_key, sealed_private_key from nte_ledger_key
      where starts_with(verifier_key, $1) order by created_at desc limit 1`,
    [`${origin}+`],
  );
  if (kept) return open(seal, kept);
  const { privateKey } = generateKeyPairSync('ed25519');
  const name = verifierKeyText(noteKeyOf(origin, privateKey));
  const text = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
  await manager.query('insert into nte_ledger_key values ($1, $2, $3)', [
    name,
    seal.seal(name, text),
    Date.now(),
  ]);
  return privateKey;
}

function open(
  seal: KeySeal,
  { verifier_key: name, sealed_private_key: sealed }: KeyRow,
): KeyObject {
  const key = Buffer.from(seal.open(name, sealed), 'base64');
  return createPrivateKey({ key, type: 'pkcs8', format: 'der' });
}
