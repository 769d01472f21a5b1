/** The `grant_type` values this server speaks (RFC 6749, RFC 8693 section 2.1). */
export const GrantType = {
  TokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  ClientCredentials: 'client_credentials',
  AuthorizationCode: 'authorization_code',
  RefreshToken: 'refresh_token',
} as const;

export type GrantType = (typeof GrantType)[keyof typeof GrantType];
