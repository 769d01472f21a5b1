/**
 * About whom. Every condition that is named must hold, and an empty list holds for nobody.
 */
export interface SubjectCondition {
  /** Issuers of the subject token. Absent: this server alone; every one, in a policy that denies. */
  readonly issuers?: readonly string[] | undefined;
  /** The applications that the subject token was issued to. */
  readonly clients?: readonly string[] | undefined;
  /** The `sub` of the subject. */
  readonly subjects?: readonly string[] | undefined;
  /** Groups of the subject's account, of which it is in one at least. */
  readonly groups?: readonly string[] | undefined;
  /** Whether the actor may present the token although it is neither its audience nor its client. */
  readonly presentedByAnyone?: boolean | undefined;
}

/** Through whom. Every condition that is named must hold. */
export interface ActorCondition {
  /** The clients that act. */
  readonly clients?: readonly string[] | undefined;
  /** Groups of clients, of which the acting one is in one at least. */
  readonly groups?: readonly string[] | undefined;
  /** Who acted right before, as clients; an empty list: nobody did. */
  readonly after?: readonly string[] | undefined;
  /** The actor's place in the chain that would result: 1 for the first. */
  readonly position?:
    | { readonly from?: number | undefined; readonly to?: number | undefined }
    | undefined;
}

/** How the actor acts. */
export interface ActingCondition {
  /** `delegation` adds the actor to the chain, `impersonation` does not (RFC 8693 section 1.1). */
  readonly mode: 'delegation' | 'impersonation';
  /** Whether the actor must prove itself with a token of its own, or must not. */
  readonly actorToken: 'required' | 'optional' | 'forbidden';
  /** Whether the tokens must be bound to a key that the caller proves to have. */
  readonly proofRequired: boolean;
}

/** How long and how deep. What is absent is limited by the client, the tokens and the deployment alone. */
export interface PolicyLimits {
  /** Seconds that an issued token lives at most. */
  readonly lifetime?: number | undefined;
  /** Seconds that a chain lives at most, from its first exchange. */
  readonly chainLifetime?: number | undefined;
  /** Actors that a chain may have: 1 to 16. */
  readonly depth: number;
  /** Targets that one token may have: 1 to 16. */
  readonly targets: number;
  /** Whether a client may act again after another one took over from it. */
  readonly loops: boolean;
  /** Exchanges that the policy allows in all. */
  readonly uses?: number | undefined;
  /** Exchanges of one subject token that it allows. */
  readonly fanOut?: number | undefined;
}

/** What the subject's sign-in must have been like (RFC 9470). */
export interface StepUp {
  /** Values of `acr` of which it must have one. */
  readonly acr?: readonly string[] | undefined;
  /** Seconds since the sign-in, at most. */
  readonly maxAge?: number | undefined;
  /** Only from this number of actors on. */
  readonly fromDepth?: number | undefined;
}

/**
 * A rule about who may act for whom, in one version. `allow` gives a right; `deny` takes it, whatever
 * allows it. What nobody allows is refused.
 */
export interface Policy {
  readonly policyId: string;
  /** Counts the changes; a version never changes again. */
  readonly version: number;
  readonly description: string;
  readonly effect: 'allow' | 'deny';
  readonly disabled: boolean;
  readonly subject: SubjectCondition;
  readonly actor: ActorCondition;
  /** Identifiers of targets; absent, in a policy that denies: every one. */
  readonly targets?: readonly string[] | undefined;
  /** Scope values at the targets; absent: every one that client and targets hold. */
  readonly scopes?: readonly string[] | undefined;
  /** What values of the subject token mean at the targets, where these have words of their own. */
  readonly scopeMapping?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly acting: ActingCondition;
  readonly limits: PolicyLimits;
  /** When it is in force. Seconds since the epoch. */
  readonly validity?:
    | { readonly from?: number | undefined; readonly until?: number | undefined }
    | undefined;
  readonly stepUp?: StepUp | undefined;
  /** Whether the request must say what for (parameter `purpose`). */
  readonly purposeRequired?: boolean | undefined;
}

/** A policy with the most careful settings: it allows nothing until it names somebody. */
export function newPolicy(policy: Partial<Policy> & Pick<Policy, 'policyId'>): Policy {
  return {
    version: 1,
    description: '',
    effect: 'allow',
    disabled: false,
    ...policy,
    subject: { ...policy.subject },
    actor: { ...policy.actor },
    acting: { mode: 'delegation', actorToken: 'optional', proofRequired: false, ...policy.acting },
    limits: { depth: 5, targets: 1, loops: false, ...policy.limits },
  };
}
