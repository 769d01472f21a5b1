/** The scope values that mean something at UserInfo (OpenID Connect Core sections 5.4 and 11). */
export const OPENID_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const;

/** How well somebody proved who they are with a password (OpenID Connect Core section 2, `acr`); more than that is more. */
export const ACR_PASSWORD = '1';

/** By what means: a password (RFC 8176). */
export const AMR_PASSWORD = ['pwd'] as const;

/** The values that `prompt` may hold (OpenID Connect Core section 3.1.2.1). */
export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const;

export type Prompt = (typeof PROMPTS)[number];

/** The languages of the pages (BCP 47), before a theme adds others. */
export const UI_LOCALES = ['en', 'de', 'ar'] as const;
