// Every door at once, the way a CommonJS module requires them.
import exchange = require('nest-token-exchange');
import testing = require('nest-token-exchange/testing');
import typeorm = require('nest-token-exchange/typeorm');

/** A name that is `any` because its types were not found would pass every other check. */
type IsAny<T> = 0 extends 1 & T ? true : false;

export const known: readonly false[] = [
  false satisfies IsAny<typeof exchange.TokenExchangeModule>,
  false satisfies IsAny<exchange.TokenExchangeOptions['keys']>,
  false satisfies IsAny<typeof testing.InMemoryStoresModule>,
  false satisfies IsAny<typeof testing.auditLogContract>,
  false satisfies IsAny<typeof typeorm.TypeormStoresModule>,
  false satisfies IsAny<typeof typeorm.tokenExchangeSchema>,
];

// @ts-expect-error -- the issuer is missing
export const incomplete: exchange.TokenExchangeOptions = {
  keys: { encryptionKey: Buffer.alloc(32) },
};

process.stdout.write(
  [exchange.TokenExchangeModule, testing.InMemoryStoresModule, typeorm.TypeormStoresModule]
    .map((module) => module.name)
    .join(' '),
);
