/** An OpenID provider that has nothing of ours, with one application and one account. */
export interface DemoOpenidProvider {
  readonly issuer: string;
  /** Plays the code flow with PKCE: the account signs in and consents without a page. */
  signIn(): Promise<{ readonly accessToken: string; readonly idToken: string }>;
  stop(): Promise<void>;
}

export interface DemoOpenidProviderOptions {
  /** 0 for any free one. Default: 0. */
  readonly port?: number;
  /** The `aud` of its access tokens. Default: `my_gateway`. */
  readonly audience?: string;
  /** The application, a public client. Default: `web_app`. */
  readonly clientId?: string;
  /** The name of the one account. Default: `alice`. */
  readonly account?: string;
  /** The `sub` of that account. Default: `12345`. */
  readonly subject?: string;
  /** What its access tokens may do. Default: `address:read address:write`. */
  readonly scopes?: readonly string[];
}

/**
 * Starts npm `oidc-provider` on loopback with fresh keys; its access tokens are JWTs (RFC 9068).
 * Rejects when the port is taken.
 */
export function startDemoOpenidProvider(
  options?: DemoOpenidProviderOptions,
): Promise<DemoOpenidProvider>;
