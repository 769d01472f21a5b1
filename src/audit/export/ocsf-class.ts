import { GrantType } from '../../oauth/grant-type.js';
import type { AuditRecord } from '../audit-record.js';

/** The class and the activity of OCSF that a record is told as. */
export interface OcsfClass {
  readonly uid: 3001 | 3002 | 3003 | 3004 | 6003;
  readonly name: string;
  readonly activity: number;
  /** What was done, where OCSF has no number for it: activity 99. */
  readonly activityName?: string;
}

const CREATE = 1;
const READ = 2;
const UPDATE = 3;
const DELETE = 4;
const OTHER = 99;

/** Changes of accounts that OCSF has a number for, by the end of the operation's route. */
const ACCOUNT_ACTIVITIES: readonly (readonly [RegExp, number])[] = [
  [/^POST \/admin\/accounts$/, 1],
  [/\/enable$/, 2],
  [/\/password$/, 4],
  [/\/disable$/, 5],
  [/^DELETE \/admin\/accounts\/:[a-z]+$/i, 6],
];
const METHODS: Readonly<Record<string, number>> = {
  POST: CREATE,
  GET: READ,
  PATCH: UPDATE,
  PUT: UPDATE,
  DELETE,
};

/** Which class of OCSF 1.7 tells best what a record says. */
export function ocsfClassOf(record: AuditRecord): OcsfClass {
  const { event, operation } = record;
  switch (event) {
    case 'grant':
      return grantClass(record);
    case 'authentication':
    case 'session_start':
      return authentication(1);
    case 'session_end':
      return authentication(2);
    case 'account_change':
      return { ...account(OTHER), activityName: operation?.name ?? event };
    case 'administration':
      return administrationClass(operation?.name ?? '');
    case 'introspection':
      return api(READ);
    case 'revocation':
      return api(DELETE);
    case 'authorization':
    case 'pushed_authorization':
      return api(CREATE);
    default:
      return { ...api(OTHER), activityName: event };
  }
}

function grantClass({ outcome, mode, grantType, issuedToken }: AuditRecord): OcsfClass {
  const isExchange = grantType === GrantType.TokenExchange;
  const isAssigned = outcome === 'granted' && mode === 'delegation' && issuedToken?.scope?.length;
  if (isAssigned) return { uid: 3003, name: 'Authorize Session', activity: 1 };
  // A service ticket for an exchange, a ticket for whatever comes first.
  return authentication(isExchange ? 4 : 3);
}

function administrationClass(operation: string): OcsfClass {
  if (/^[A-Z]+ \/admin\/accounts/.test(operation)) {
    const [, activity] = ACCOUNT_ACTIVITIES.find(([route]) => route.test(operation)) ?? [];
    return activity === undefined
      ? { ...account(OTHER), activityName: operation }
      : account(activity);
  }
  const [method = ''] = operation.split(' ');
  const activity = METHODS[method];
  const entity = { uid: 3004, name: 'Entity Management', activity: activity ?? OTHER } as const;
  return activity === undefined ? { ...entity, activityName: operation || 'unknown' } : entity;
}

function authentication(activity: number): OcsfClass {
  return { uid: 3002, name: 'Authentication', activity };
}

function account(activity: number): OcsfClass {
  return { uid: 3001, name: 'Account Change', activity };
}

function api(activity: number): OcsfClass {
  return { uid: 6003, name: 'API Activity', activity };
}
