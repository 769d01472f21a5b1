import { MAX_DEPTH } from '../delegation/exchange-request.js';
import type { JsonObject } from '../oauth/claims.js';
import { MAX_POLICIES } from './policy-plan.dto.js';
import { ISO_TIME } from './policy.dto.js';

const TIME = {
  anyOf: [
    { type: 'string', pattern: ISO_TIME.source },
    { type: 'integer', minimum: 0 },
  ],
};

function list(description: string, items: JsonObject): JsonObject {
  return { type: 'array', description, items, uniqueItems: true, maxItems: 500 };
}

function names(description: string): JsonObject {
  return list(description, { type: 'string', minLength: 1, maxLength: 512 });
}

function clientIds(description: string): JsonObject {
  return list(description, { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' });
}

function scopeValues(description: string): JsonObject {
  const pattern = '^[\\x21\\x23-\\x5B\\x5D-\\x7E]{1,256}$';
  return list(description, { type: 'string', pattern });
}

function whole(description: string, minimum: number, maximum: number): JsonObject {
  return { type: 'integer', description, minimum, maximum };
}

function flag(description: string): JsonObject {
  return { type: 'boolean', description, default: false };
}

function fields(description: string, properties: JsonObject, more: JsonObject = {}): JsonObject {
  return { type: 'object', description, properties, additionalProperties: false, ...more };
}

const SUBJECT = fields('About whom. Every condition that is named must hold.', {
  issuers: list(
    'Issuers of the subject token. Absent: this server alone; every one, in one that denies.',
    {
      type: 'string',
      format: 'uri',
    },
  ),
  clients: names('The applications that the subject token was issued to.'),
  subjects: names('The sub of the subject.'),
  groups: names('Groups of the account of the subject, of which it is in one at least.'),
  presentedByAnyone: flag(
    'Whether the actor may present a token that is neither meant for it nor its own.',
  ),
});

const ACTOR = fields('Through whom.', {
  clients: clientIds('The clients that act.'),
  groups: names('Groups of clients, of which the acting one is in one at least.'),
  after: clientIds('Who acted right before; an empty list: nobody did.'),
  position: fields('Its place in the chain that would result: 1 for the first actor.', {
    from: whole('The first place.', 1, MAX_DEPTH),
    to: whole('The last place.', 1, MAX_DEPTH),
  }),
});

const ACTING = fields('How the actor acts.', {
  mode: {
    enum: ['delegation', 'impersonation'],
    default: 'delegation',
    description: 'Delegation adds the actor to the chain; impersonation does not.',
  },
  actorToken: {
    enum: ['required', 'optional', 'forbidden'],
    default: 'optional',
    description: 'Whether the actor must prove itself with a token of its own, or must not.',
  },
  proofRequired: flag('Whether the tokens must be bound to a key that the caller proves to have.'),
});

const LIMITS = fields('How long, how deep and how often.', {
  lifetime: whole('Seconds that an issued token lives at most.', 30, 86_400),
  chainLifetime: whole(
    'Seconds that a chain lives at most, from its first exchange.',
    30,
    30 * 86_400,
  ),
  depth: { ...whole('Actors that a chain may have.', 1, MAX_DEPTH), default: 5 },
  targets: { ...whole('Targets that one token may have.', 1, 16), default: 1 },
  loops: flag('Whether a client may act again after another one took over from it.'),
  uses: whole('Exchanges that the policy allows in all.', 1, 1_000_000_000),
  fanOut: whole('Exchanges of one subject token that it allows.', 1, 1_000_000),
});

const STEP_UP = fields('What the sign-in of the subject must have been like.', {
  acr: names('Values of acr of which it must have one.'),
  maxAge: whole('Seconds since the sign-in, at most.', 0, 10 * 366 * 86_400),
  fromDepth: whole('Only from this number of actors on.', 1, MAX_DEPTH),
});

const POLICY = fields(
  'A rule about who may act for whom. What nobody allows is refused.',
  {
    policyId: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9._-]{0,99}$',
      not: {
        enum: [
          'client-settings',
          'issuer-settings',
          'none',
          'schema',
          'plan',
          'apply',
          'explain',
          'simulate',
        ],
      },
      description: 'Its name, which stays what it is.',
    },
    description: { type: 'string', maxLength: 500, default: '', description: 'For people.' },
    effect: {
      enum: ['allow', 'deny'],
      default: 'allow',
      description: '"allow" gives a right; "deny" takes it, whatever allows it.',
    },
    disabled: flag('A disabled policy says nothing.'),
    subject: SUBJECT,
    actor: ACTOR,
    targets: list('Identifiers of targets. Absent in a policy that denies: every one.', {
      type: 'string',
      minLength: 1,
      maxLength: 512,
    }),
    scopes: scopeValues('Scope values at the targets; absent: every one that both hold.'),
    scopeMapping: {
      type: 'object',
      description: 'What values of the subject token mean at targets with words of their own.',
      additionalProperties: scopeValues('The words of the targets.'),
      maxProperties: 500,
    },
    acting: ACTING,
    limits: LIMITS,
    validity: fields('When it is in force.', {
      from: { ...TIME, description: 'Its first moment: ISO 8601, or seconds since the epoch.' },
      until: { ...TIME, description: 'The moment when it is over.' },
    }),
    stepUp: STEP_UP,
    purposeRequired: flag('Whether the request must say what for (parameter "purpose").'),
  },
  {
    required: ['policyId'],
    if: { properties: { effect: { const: 'deny' } }, required: ['effect'] },
    // A policy that allows names through whom and where.
    else: {
      required: ['actor', 'targets'],
      properties: {
        actor: { anyOf: [{ required: ['clients'] }, { required: ['groups'] }] },
        targets: { minItems: 1 },
      },
    },
  },
);

/** The JSON Schema (draft 2020-12) of a file of policies; `docs/policies.schema.json` is the same. */
export const POLICIES_SCHEMA: JsonObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Policies of nest-token-exchange',
  type: 'object',
  properties: {
    policies: { type: 'array', maxItems: MAX_POLICIES, items: POLICY },
  },
  required: ['policies'],
  additionalProperties: false,
};
