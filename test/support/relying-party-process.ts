import type { AddressInfo } from 'node:net';

import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import openid, { type ConfigParams } from 'express-openid-connect';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy from 'passport-openidconnect';

/**
 * A relying party in a process of its own, as its maker's documentation sets it up:
 * `relying-party-process.ts <library> <settings as JSON>`. It prints its port on one line and ends
 * when whoever started it is gone. The libraries are as they come from the registry.
 */
export interface RelyingPartySettings {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** More configuration, in the words of the library. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** What passport keeps of a person. */
interface Profile {
  readonly profile: object;
  readonly context: object;
  readonly idToken: unknown;
  readonly accessToken: unknown;
  readonly hasRefreshToken: boolean;
}

interface Refusal extends Error {
  readonly status?: number;
  readonly code?: string;
  readonly error?: string;
}

const SECRET = 'the secret of the cookies of a relying party';

const MAKERS = {
  'passport-openidconnect': withPassport,
  'express-openid-connect': withExpressOpenidConnect,
};

const [library = '', settings = '{}'] = process.argv.slice(2);
const make = MAKERS[library as keyof typeof MAKERS];
const { port, ...rest } = JSON.parse(settings) as RelyingPartySettings;
const app = await make({ port, ...rest });
app.use(told);
const server = app.listen(port, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));

/** https://www.passportjs.org/packages/passport-openidconnect/ */
async function withPassport({
  port,
  issuer,
  clientId,
  clientSecret,
  more,
}: RelyingPartySettings): Promise<Express> {
  const base = `http://127.0.0.1:${port}`;
  const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
  const metadata = (await discovered.json()) as Record<string, string>;
  const endpoint = (name: string): string => metadata[`${name}_endpoint`] ?? '';
  const strategy = new OpenIDConnectStrategy(
    {
      issuer,
      authorizationURL: endpoint('authorization'),
      tokenURL: endpoint('token'),
      userInfoURL: endpoint('userinfo'),
      clientID: clientId,
      clientSecret,
      callbackURL: `${base}/callback`,
      scope: ['profile', 'email', 'offline_access'],
      skipUserProfile: false,
      ...more,
    },
    // Eight parameters: their number says what is wanted.
    (
      _issuer: string,
      profile: object,
      context: object,
      idToken: unknown,
      accessToken: unknown,
      refreshToken: string,
      _parameters: unknown,
      done: OpenIDConnectStrategy.VerifyCallback,
    ) => {
      const hasRefreshToken = refreshToken !== '';
      done(null, { profile, context, idToken, accessToken, hasRefreshToken } satisfies Profile);
    },
  );
  passport.use(strategy);
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user: Express.User, done) => done(null, user));
  const app = express();
  app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
  app.use(passport.authenticate('session'));
  const authenticate = passport.authenticate('openidconnect') as RequestHandler;
  app.get('/login', authenticate);
  app.get('/callback', authenticate, (_, response) => response.redirect('/'));
  app.get('/', (request, response) => void response.json(request.user ?? null));
  app.get('/logout', (request, response, next) => {
    const { idToken } = (request.user ?? {}) as Partial<Profile>;
    const query = new URLSearchParams({
      id_token_hint: String(idToken),
      post_logout_redirect_uri: `${base}/signed-out`,
      state: 'out',
    });
    request.logout((error) => {
      if (error) next(error);
      else response.redirect(`${endpoint('end_session')}?${query.toString()}`);
    });
  });
  app.get('/signed-out', (request, response) => void response.json(request.query));
  return app;
}

/** https://auth0.github.io/express-openid-connect/ */
function withExpressOpenidConnect({
  port,
  issuer,
  clientId,
  clientSecret,
  more,
}: RelyingPartySettings): Express {
  const app = express();
  app.use(express.urlencoded({ extended: false }));
  const store = new session.MemoryStore() as unknown as object;
  app.use(
    openid.auth({
      issuerBaseURL: issuer,
      baseURL: `http://127.0.0.1:${port}`,
      clientID: clientId,
      clientSecret,
      secret: SECRET,
      idpLogout: true,
      backchannelLogout: { store },
      routes: { postLogoutRedirect: '/signed-out' },
      // Its own pages and what is public are told apart by `requiresAuth`.
      authRequired: false,
      ...more,
    } as ConfigParams),
  );
  app.get('/signed-out', (request, response) => {
    response.json({ isAuthenticated: request.oidc.isAuthenticated() });
  });
  app.get('/', openid.requiresAuth(), answering(whoIs));
  app.get('/refresh', openid.requiresAuth(), answering(refreshed));
  return app;
}

function answering(work: (request: Request) => Promise<object>): RequestHandler {
  return (request, response) => {
    work(request)
      .then((answer) => response.json(answer))
      .catch((error: Refusal) => tell(error, response));
  };
}

async function whoIs({ oidc }: Request): Promise<object> {
  const { idTokenClaims, idToken } = oidc;
  return { idToken, idTokenClaims, userInfo: await oidc.fetchUserInfo() };
}

async function refreshed({ oidc }: Request): Promise<object> {
  const before = oidc.accessToken;
  const after = await before?.refresh();
  const isNew = after !== undefined && after.access_token !== before?.access_token;
  return { isNew, userInfo: await oidc.fetchUserInfo() };
}

/** Express knows by the four parameters what this is. */
function told(error: Refusal, _: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) next(error);
  else tell(error, response);
}

/** What the library refuses, as JSON. */
function tell({ status = 500, code, error, message }: Refusal, response: Response): void {
  response.status(status).json({ error: error ?? code, message });
}
