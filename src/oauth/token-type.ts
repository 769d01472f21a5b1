/** Token type identifiers (RFC 8693 section 3). */
export const TokenType = {
  AccessToken: 'urn:ietf:params:oauth:token-type:access_token',
  RefreshToken: 'urn:ietf:params:oauth:token-type:refresh_token',
  IdToken: 'urn:ietf:params:oauth:token-type:id_token',
  Jwt: 'urn:ietf:params:oauth:token-type:jwt',
  Saml1: 'urn:ietf:params:oauth:token-type:saml1',
  Saml2: 'urn:ietf:params:oauth:token-type:saml2',
} as const;

export type TokenType = (typeof TokenType)[keyof typeof TokenType];
