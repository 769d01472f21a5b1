import { isJsonObject } from '../oauth/claims.js';
import { readName } from './actor.js';
import { isSameParty, type Party } from './party.js';

/**
 * The `may_act` claim of a subject token: the one party that may become its actor (RFC 8693
 * section 4.4). A claim that cannot be read names nobody, so it refuses everybody.
 */
export class MayAct {
  private constructor(readonly party: Party | undefined) {}

  /**
   * @param claim the claim as it was read; undefined when the token has none
   * @param issuer the token's issuer, whose name space a claim without `iss` means
   * @returns undefined when the token does not have the claim
   */
  static read(claim: unknown, issuer: string): MayAct | undefined {
    if (claim === undefined) return undefined;
    if (!isJsonObject(claim)) return new MayAct(undefined);
    const sub = readName(claim['sub'] ?? claim['client_id']);
    const iss = claim['iss'] === undefined ? issuer : readName(claim['iss']);
    return new MayAct(sub === undefined || iss === undefined ? undefined : { iss, sub });
  }

  /** Whether it names this party. */
  names(party: Party): boolean {
    return this.party !== undefined && isSameParty(this.party, party);
  }
}
