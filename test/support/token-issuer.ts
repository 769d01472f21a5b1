import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import type { KeyRing } from '../../src/keys/key-ring.js';
import type { KeySettings } from '../../src/keys/key-store.js';
import { SealedValues } from '../../src/keys/sealed-values.js';
import type { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import { OpaqueTokens } from '../../src/tokens/opaque-tokens.js';
import { OwnTokens } from '../../src/tokens/own-tokens.js';
import { NoRevocations } from '../../src/tokens/revocation-store.js';
import { Revocations, RevocationSettings } from '../../src/tokens/revocations.js';
import { NoStatusLists } from '../../src/tokens/status-list-store.js';
import { StatusLists } from '../../src/tokens/status-lists.js';
import { TokenIssuer } from '../../src/tokens/token-issuer.js';
import { FakeClock } from './fake-clock.js';

/** The token issuer of a server at which nothing is revoked. */
export function tokenIssuer(
  ring: KeyRing,
  keys: KeySettings,
  settings: IssuerSettings,
): TokenIssuer {
  const clock = new FakeClock();
  const tokens = new OwnTokens(ring);
  const revocations = new Revocations(
    new NoRevocations(),
    new ClientSettingsPolicy(),
    ring,
    new RevocationSettings(),
    clock,
  );
  return new TokenIssuer(
    tokens,
    new OpaqueTokens(new SealedValues(keys)),
    settings,
    revocations,
    new StatusLists(new NoStatusLists(), tokens, revocations, settings, clock),
  );
}
