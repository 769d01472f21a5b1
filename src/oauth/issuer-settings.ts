import { OPENID_SCOPES } from './openid.js';

/** An interface of this server that takes tokens of this server, such as its admin API. */
export interface OwnTarget {
  readonly identifier: string;
  /** The scope values that mean something there. */
  readonly offeredScopes: readonly string[];
  /** For people: which of these each role allows; without it a person gets them as a client does. */
  readonly scopesOfRoles?: Readonly<Record<string, readonly string[]>>;
}

/** What this server is called and what no token of it may exceed. */
export class IssuerSettings {
  /** The issuer identifier, without a trailing slash; the same string in every document and token (RFC 8414 section 2). */
  readonly issuer: string;
  /** Seconds a chain of delegation may live, counted from its first exchange. */
  readonly chainLifetime: number;
  /** Whose name the `client_id` of an exchanged token is: the original application's, or the requester's (RFC 8693 section 4.3). */
  readonly exchangedClientId: 'original' | 'requester';
  /** Claims of an actor token that are copied into `act`, by exact name. */
  readonly actorClaims: readonly string[];
  /** Claims whose presence in an actor token refuses it, by exact name. */
  readonly forbiddenActorClaims: readonly string[];
  /** Claims of the subject token that are not carried over, by exact name; never `act`. */
  readonly excludedSubjectClaims: readonly string[];
  /** Our own interfaces as targets: reachable at first hand, never through an exchange. */
  readonly ownTargets: readonly OwnTarget[];
  /** Whether people sign in here: then this server is an OpenID provider, and UserInfo one of its targets. */
  readonly hasSignIn: boolean;

  constructor(settings: Partial<IssuerSettings> & Pick<IssuerSettings, 'issuer'>) {
    this.issuer = settings.issuer;
    this.chainLifetime = settings.chainLifetime ?? 8 * 60 * 60;
    this.exchangedClientId = settings.exchangedClientId ?? 'original';
    this.actorClaims = settings.actorClaims ?? [];
    this.forbiddenActorClaims = settings.forbiddenActorClaims ?? [];
    this.excludedSubjectClaims = settings.excludedSubjectClaims ?? [];
    this.hasSignIn = settings.hasSignIn ?? false;
    this.ownTargets = [
      ...(settings.ownTargets ?? []),
      ...(this.hasSignIn ? [{ identifier: this.userInfo, offeredScopes: OPENID_SCOPES }] : []),
    ];
    const problem = issuerProblem(this.issuer);
    if (problem !== undefined) throw new Error(`The issuer ${problem}`);
    if (this.excludedSubjectClaims.includes('act')) {
      throw new Error('excludedSubjectClaims must not name "act": a chain is never cut');
    }
  }

  /** The UserInfo endpoint, which is also its identifier as a target. */
  get userInfo(): string {
    return `${this.issuer}/connect/userinfo`;
  }

  /** The interface of ours with this identifier. */
  ownTarget(identifier: string): OwnTarget | undefined {
    return this.ownTargets.find((own) => own.identifier === identifier);
  }

  /** Whether no exchange may ask for this target: this server itself and its own interfaces. */
  isProtected(identifier: string): boolean {
    return identifier === this.issuer || this.ownTarget(identifier) !== undefined;
  }
}

/**
 * Why a string cannot be an issuer identifier (RFC 8414 section 2): it is compared byte by byte, so
 * only one spelling of it may exist. Plain `http` is for loopback alone.
 */
function issuerProblem(issuer: string): string | undefined {
  if (!URL.canParse(issuer)) return 'must be a URL';
  const url = new URL(issuer);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
    return 'must be https, or http on loopback';
  if (`${url.origin}${url.pathname}`.replace(/\/$/, '') !== issuer)
    return 'must be in normal form, without trailing slash, query, fragment or user';
  return undefined;
}

function isLoopback({ hostname }: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
