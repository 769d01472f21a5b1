import { ClientSettingsPolicy } from '../../src/delegation/client-settings-policy.js';
import type { KeyRing } from '../../src/keys/key-ring.js';
import { NoRevocations } from '../../src/tokens/revocation-store.js';
import { Revocations, RevocationSettings } from '../../src/tokens/revocations.js';
import { FakeClock } from './fake-clock.js';

/** Revocations of a server at which nothing is revoked. */
export function nothingRevoked(ring: KeyRing): Revocations {
  return new Revocations(
    new NoRevocations(),
    new ClientSettingsPolicy(),
    ring,
    new RevocationSettings(),
    new FakeClock(),
  );
}
