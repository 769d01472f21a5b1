import { PageAssets } from '../../src/pages/page-assets.js';
import { PageRenderer } from '../../src/pages/page-renderer.js';
import { PageSettings } from '../../src/pages/page-settings.js';
import { PageTemplates } from '../../src/pages/page-templates.js';
import { PageTexts } from '../../src/pages/page-texts.js';
import type { PageName, PageViews } from '../../src/pages/page-views.js';
import { Theme } from '../../src/pages/theme.js';

const TIME = Date.UTC(2026, 10, 22, 14, 3);
const MINUTE = 60_000;

const form = { action: '/there', hidden: { csrf: 'a-token' } };
const sophie = { name: 'Sophie Müller', username: 'sophie.mueller' };

/** Everything that makes pages, with these settings. */
export function makePages(settings: Partial<PageSettings> = {}): {
  readonly renderer: PageRenderer;
  readonly assets: PageAssets;
  readonly texts: PageTexts;
} {
  const made = new PageSettings({ brandName: 'Example Industries', ...settings });
  const theme = new Theme(made);
  const texts = new PageTexts(theme);
  const assets = new PageAssets(theme, made);
  const renderer = new PageRenderer(made, new PageTemplates(theme, texts), texts, assets);
  return { renderer, assets, texts };
}

/** A page with what it shows. */
export type Sample = {
  readonly [P in PageName]: {
    readonly title: string;
    readonly page: P;
    readonly view: PageViews[P];
  };
}[PageName];

function sample<P extends PageName>(
  page: P,
  state: string,
  view: PageViews[P],
): { title: string; page: P; view: PageViews[P] } {
  return { title: state === '' ? page : `${page}, ${state}`, page, view };
}

const signIn: PageViews['sign-in'] = { ...form, username: '' };
const changePassword: PageViews['change-password'] = {
  ...form,
  username: sophie.username,
  mustChange: false,
  minLength: 15,
};
const consent: PageViews['consent'] = {
  ...form,
  ...sophie,
  clientName: 'Travel Desk',
  clientHost: 'travel.example.com',
  scopes: [
    { value: 'openid' },
    { value: 'profile' },
    { value: 'address:read', description: 'Read the addresses that you have stored' },
    { value: 'invoices:list' },
  ],
  targets: ['API gateway', 'Address service'],
  offline: true,
};
const account: PageViews['account'] = {
  ...sophie,
  email: 'sophie.mueller@example.com',
  roles: ['administrator', 'warehouse'],
  hidden: form.hidden,
  paths: {
    endSession: '/account/sessions/end',
    signOutEverywhere: '/account/sessions/end-all',
    withdraw: '/account/applications/withdraw',
    changePassword: '/account/password',
    signOut: '/sign-out',
  },
  sessions: [
    {
      sid: 'one',
      current: true,
      device: 'Firefox on Linux',
      address: '192.0.2.17',
      startedAt: TIME - 95 * MINUTE,
      lastSeenAt: TIME,
    },
    {
      sid: 'two',
      current: false,
      device: 'Safari on iPhone',
      address: '2001:db8:85a3::8a2e:370:7334',
      startedAt: TIME - 400 * MINUTE,
      lastSeenAt: TIME - 180 * MINUTE,
    },
    {
      sid: 'three',
      current: false,
      device: 'Unknown browser',
      startedAt: TIME - 500 * MINUTE,
      lastSeenAt: TIME - 480 * MINUTE,
    },
  ],
  applications: [
    {
      clientId: 'web',
      name: 'Web application',
      scopes: ['openid', 'profile', 'address:read'],
      grantedAt: TIME - 9000 * MINUTE,
      offline: true,
    },
    {
      clientId: 'travel',
      name: 'Travel Desk',
      scopes: ['openid'],
      grantedAt: TIME - 20_000 * MINUTE,
      offline: false,
    },
  ],
  activity: [
    {
      time: TIME - 2 * MINUTE,
      application: 'Web application',
      actors: ['API gateway', 'Address service'],
      scopes: ['address:read'],
      target: 'https://address.example.com',
      outcome: 'granted',
    },
    {
      time: TIME - 3 * MINUTE,
      application: 'Web application',
      actors: ['API gateway'],
      scopes: ['address:read', 'address:write', 'invoices:list'],
      target: 'https://gateway.example.com',
      outcome: 'granted',
    },
    {
      time: TIME - 200 * MINUTE,
      application: 'Travel Desk',
      actors: ['API gateway', 'Billing service', 'Archive'],
      scopes: [],
      outcome: 'refused',
    },
  ],
  nextHref: '/account?before=7#activity',
};

/** The pages in their usual states, and full of things to show. */
export const SAMPLES: readonly Sample[] = [
  sample('sign-in', '', { ...signIn, clientName: 'Travel Desk' }),
  sample('sign-in', 'refused', { ...signIn, username: 'sophie.mueller', error: 'refused' }),
  sample('sign-in', 'too many attempts', {
    ...signIn,
    username: 'sophie.mueller',
    error: 'too-many-attempts',
    retryAfterSeconds: 290,
  }),
  sample('sign-in', 'again', {
    ...signIn,
    username: 'sophie.mueller',
    clientName: 'Travel Desk',
    reason: 'reauthenticate',
  }),
  sample('select-account', '', { ...form, ...sophie, clientName: 'Travel Desk' }),
  sample('change-password', '', changePassword),
  sample('change-password', 'must', { ...changePassword, mustChange: true }),
  sample('change-password', 'too short', { ...changePassword, error: 'too-short' }),
  sample('consent', '', consent),
  sample('consent', 'nothing special', { ...consent, scopes: [], targets: [], offline: false }),
  sample('account', '', { ...account, message: 'password-changed' }),
  sample('account', 'new', {
    ...account,
    roles: [],
    applications: [],
    activity: [],
    sessions: account.sessions.slice(0, 1),
  }),
  sample('ledger', '', {
    size: 48_213,
    signedAt: TIME,
    keyName: 'idp.example/ledger',
    isBroken: true,
    anchors: [
      { name: 'file', size: 48_213, lag: 0, isLate: false, age: 42 },
      { name: 'webhook', size: 40_000, lag: 8_213, isLate: true, age: 7_200, error: 'status_500' },
      { name: 'witness w.example/1', size: 0, lag: 48_213, isLate: true, error: 'unreachable' },
    ],
  }),
  sample('ledger', 'new', { size: 0, isBroken: false, anchors: [] }),
  sample('sign-out', '', { ...form, name: sophie.name, clientName: 'Travel Desk' }),
  sample('signed-out', '', {
    signInHref: '/sign-in',
    returnHref: 'https://travel.example.com/bye?state=1',
    clientName: 'Travel Desk',
  }),
  sample('error', '', {
    title: 'unknown-application',
    error: 'invalid_request',
    description: 'The redirect_uri is not registered for this client.',
    requestId: '01JD2M6W9X5Z7Q3V8R4T1Y0NBC',
    status: 400,
  }),
];

/** The pages with one text, and it is not kind, in every place where a text can be. */
export function samplesWith(text: string): readonly Sample[] {
  const hidden = { [text]: text };
  const hostileForm = { action: '/there', hidden };
  const person = { name: text, username: text };
  return [
    sample('sign-in', '', { ...hostileForm, username: text, clientName: text }),
    sample('select-account', '', { ...hostileForm, ...person, clientName: text }),
    sample('change-password', '', { ...changePassword, ...hostileForm, username: text }),
    sample('consent', '', {
      ...hostileForm,
      ...person,
      clientName: text,
      clientHost: text,
      scopes: [{ value: text }, { value: 'described', description: text }],
      targets: [text],
      offline: true,
    }),
    sample('account', '', {
      ...account,
      ...person,
      hidden,
      email: text,
      roles: [text],
      sessions: [
        {
          sid: text,
          current: false,
          device: text,
          address: text,
          startedAt: TIME,
          lastSeenAt: TIME,
        },
      ],
      applications: [
        { clientId: text, name: text, scopes: [text], grantedAt: TIME, offline: true },
      ],
      activity: [
        {
          time: TIME,
          application: text,
          actors: [text, text],
          scopes: [text],
          target: text,
          outcome: 'granted',
        },
      ],
    }),
    sample('sign-out', '', { ...hostileForm, name: text, clientName: text }),
    sample('ledger', '', {
      size: 1,
      keyName: text,
      isBroken: false,
      anchors: [{ name: text, size: 1, lag: 0, isLate: false, error: text }],
    }),
    sample('signed-out', '', { returnHref: 'https://elsewhere.example/', clientName: text }),
    sample('error', '', {
      title: 'unexpected',
      error: text,
      description: text,
      requestId: text,
      status: 500,
    }),
  ];
}
