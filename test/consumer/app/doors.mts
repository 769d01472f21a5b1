// Every door at once, the way an ECMAScript module imports them.
import { TokenExchangeModule, type TokenExchangeOptions } from 'nest-token-exchange';
import { auditLogContract, InMemoryStoresModule } from 'nest-token-exchange/testing';
import { tokenExchangeSchema, TypeormStoresModule } from 'nest-token-exchange/typeorm';

/** A name that is `any` because its types were not found would pass every other check. */
type IsAny<T> = 0 extends 1 & T ? true : false;

export const known: readonly false[] = [
  false satisfies IsAny<typeof TokenExchangeModule>,
  false satisfies IsAny<TokenExchangeOptions['keys']>,
  false satisfies IsAny<typeof InMemoryStoresModule>,
  false satisfies IsAny<typeof auditLogContract>,
  false satisfies IsAny<typeof TypeormStoresModule>,
  false satisfies IsAny<typeof tokenExchangeSchema>,
];

// @ts-expect-error -- the issuer is missing
export const incomplete: TokenExchangeOptions = { keys: { encryptionKey: Buffer.alloc(32) } };

process.stdout.write(
  [TokenExchangeModule, InMemoryStoresModule, TypeormStoresModule]
    .map((module) => module.name)
    .join(' '),
);
