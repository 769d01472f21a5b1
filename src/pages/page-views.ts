/** Names and values that a form carries without showing them. */
export type HiddenFields = Readonly<Record<string, string>>;

/**
 * What every form has. Paths begin with a slash and are without the base path, here and in every
 * `href`; only addresses of applications are whole.
 */
interface Form {
  readonly action: string;
  readonly hidden: HiddenFields;
}

/** Asks for `username` and `password`. */
export interface SignInPage extends Form {
  /** What the field holds already; may be empty. */
  readonly username: string;
  readonly error?: 'refused' | 'too-many-attempts' | 'unavailable' | 'stale-form';
  /** With `too-many-attempts`. */
  readonly retryAfterSeconds?: number;
  /** The application that the person came from. */
  readonly clientName?: string;
  /** Why somebody who is signed in sees this page. */
  readonly reason?: 'reauthenticate';
}

/** Asks whether to go on as this person: `choice` is `continue` or `other`. */
export interface SelectAccountPage extends Form {
  readonly name: string;
  readonly username: string;
  readonly clientName: string;
}

/** What is wrong with a change of password. */
export type ChangePasswordError =
  | 'too-short'
  | 'too-long'
  | 'control-characters'
  | 'too-common'
  | 'like-name'
  | 'same-as-current'
  | 'mismatch'
  | 'wrong-current'
  | 'too-many-attempts'
  | 'unavailable'
  | 'stale-form';

/** Asks for `current-password`, `new-password` and `repeat-password`. */
export interface ChangePasswordPage extends Form {
  readonly username: string;
  readonly error?: ChangePasswordError;
  /** With `too-many-attempts`. */
  readonly retryAfterSeconds?: number;
  /** Somebody else knows the password: nothing else can be done before. */
  readonly mustChange: boolean;
  /** Characters. */
  readonly minLength: number;
}

/** A scope that an application asks for. */
export interface AskedScope {
  readonly value: string;
  /** In words; without it the texts are asked for `scope.<value>`, and then the value stands alone. */
  readonly description?: string;
}

/** Asks whether an application may have what it wants: `decision` is `allow` or `deny`. */
export interface ConsentPage extends Form {
  readonly clientName: string;
  /** Where the person is sent afterwards. */
  readonly clientHost: string;
  readonly name: string;
  readonly username: string;
  readonly scopes: readonly AskedScope[];
  /** Names of the services where the application could act. */
  readonly targets: readonly string[];
  /** Whether it could act while the person is away. */
  readonly offline: boolean;
}

/** A sign-in of the person at a browser. */
export interface ShownSession {
  readonly sid: string;
  /** The browser that shows the page. */
  readonly current: boolean;
  /** In a few words, such as `Firefox on Linux`. */
  readonly device: string;
  readonly address?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly lastSeenAt: number;
}

/** An application that the person agreed to. */
export interface ShownApplication {
  readonly clientId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly grantedAt: number;
  /** Whether it can act while the person is away. */
  readonly offline: boolean;
}

/** One attempt to act for the person. */
export interface ShownActivity {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The application that the person used. */
  readonly application: string;
  /** The services after it, in the order in which they acted. */
  readonly actors: readonly string[];
  readonly scopes: readonly string[];
  /** Where they wanted to act. */
  readonly target?: string;
  readonly outcome: 'granted' | 'refused';
}

/** What a person sees of their own account. */
export interface AccountPage {
  readonly name: string;
  readonly username: string;
  readonly email?: string;
  readonly roles: readonly string[];
  /** In every form of the page. */
  readonly hidden: HiddenFields;
  readonly paths: {
    /** Takes `sid`. */
    readonly endSession: string;
    /** Ends this sign-in, too. */
    readonly signOutEverywhere: string;
    /** Takes `client_id`. */
    readonly withdraw: string;
    readonly changePassword: string;
    readonly signOut: string;
  };
  readonly sessions: readonly ShownSession[];
  readonly applications: readonly ShownApplication[];
  /** Newest first. */
  readonly activity: readonly ShownActivity[];
  /** Where older activity is. */
  readonly nextHref?: string;
  /** What has just been done. */
  readonly message?: 'password-changed' | 'session-ended' | 'access-withdrawn';
}

/** A place outside of the database that keeps checkpoints of the ledger. */
export interface ShownAnchor {
  readonly name: string;
  /** How many records its last checkpoint covers. */
  readonly size: number;
  /** Records of the newest checkpoint that it lacks. */
  readonly lag: number;
  readonly isLate: boolean;
  /** Seconds since it took its last checkpoint; absent when it has none. */
  readonly age?: number;
  /** Why it did not take the last one, a short word. */
  readonly error?: string;
}

/** What an auditor sees of the ledger. */
export interface LedgerPage {
  /** How many records the newest checkpoint covers; 0 while there is none. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly signedAt?: number;
  readonly keyName?: string;
  /** Whether no checkpoint is signed any more. */
  readonly isBroken: boolean;
  readonly anchors: readonly ShownAnchor[];
}

/** Asks whether to sign out: `choice` is `sign-out` or `stay`. */
export interface SignOutPage extends Form {
  readonly name: string;
  /** The application that asks for it. */
  readonly clientName?: string;
}

/** Says that the person is signed out. */
export interface SignedOutPage {
  readonly signInHref?: string;
  /** Back to the application: a whole address. */
  readonly returnHref?: string;
  readonly clientName?: string;
}

/** What went wrong, as a person understands it. */
export type ErrorTitle =
  | 'invalid-request'
  | 'unknown-application'
  | 'expired'
  | 'not-allowed'
  | 'not-found'
  | 'too-many-requests'
  | 'unavailable'
  | 'unexpected';

/** Says that something did not work, and what to tell those who can help. */
export interface ErrorPage {
  readonly title: ErrorTitle;
  /** The code on the wire (RFC 6749 section 4.1.2.1). */
  readonly error: string;
  /** A sentence for developers, in English. */
  readonly description: string;
  readonly requestId?: string;
  /** Of the HTTP answer. */
  readonly status: number;
}

/** Every page by its name, with what it shows: plain data, checked before it comes here. */
export interface PageViews {
  readonly 'sign-in': SignInPage;
  readonly 'select-account': SelectAccountPage;
  readonly 'change-password': ChangePasswordPage;
  readonly consent: ConsentPage;
  readonly account: AccountPage;
  readonly ledger: LedgerPage;
  readonly 'sign-out': SignOutPage;
  readonly 'signed-out': SignedOutPage;
  readonly error: ErrorPage;
}

export type PageName = keyof PageViews;
