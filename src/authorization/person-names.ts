import { Injectable } from '@nestjs/common';

import type { Client } from '../clients/client.js';
import { SubjectNames } from '../tokens/subject-names.js';

/** The names by which clients know people: the `sub` of ID tokens, UserInfo and logout tokens. */
@Injectable()
export class PersonNames {
  constructor(private readonly names: SubjectNames) {}

  /**
   * The account's id, or a name that only clients of the same sector know (OpenID Connect Core
   * section 8). A client without https redirect URIs is a sector of its own.
   */
  of(accountId: string, { clientId, signIn }: Client): string {
    if (signIn.subjectType === 'public') return accountId;
    const [first] = signIn.redirectUris;
    // Everybody's own machine, and a private scheme, are no host that clients could share.
    const sector = first?.startsWith('https://') === true ? new URL(first).host : clientId;
    return this.names.pairwise(signIn.sectorHost ?? sector, accountId);
  }
}
