import * as openid from 'openid-client';

import { StoryStop } from './service.js';
import { TextBrowser } from './text-browser.js';

/** Where web_app waits for codes. Nobody listens there: the story reads the code from the redirect. */
const CALLBACK = 'http://127.0.0.1/callback';

/**
 * What happens when a person opens web_app: an independent OpenID client sends them to the service,
 * they fill in its forms, and the client redeems the code that comes back.
 *
 * @param {string} issuer
 * @param {{ username: string, password: string }} person
 * @returns {Promise<{ accessToken: string, idToken: string, name: unknown, browser: TextBrowser }>}
 */
export async function signIn(issuer, { username, password }) {
  const application = await openid.discovery(
    new URL(issuer),
    'web_app',
    undefined,
    openid.None(),
    // The story plays on this machine, where the service speaks plain http.
    { execute: [openid.allowInsecureRequests] },
  );
  const verifier = openid.randomPKCECodeVerifier();
  const [state, nonce] = [openid.randomState(), openid.randomNonce()];
  const address = openid.buildAuthorizationUrl(application, {
    redirect_uri: CALLBACK,
    scope: 'openid profile address:read address:write',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const browser = new TextBrowser(issuer);
  await browser.open(address);
  await browser.submit({ username, password });
  if (browser.page.text.includes('name="decision"')) await browser.submit({ decision: 'allow' });
  const { location, status } = browser.page;
  if (location === undefined)
    throw new StoryStop(`${username} could not sign in: the service answered ${status}.`);
  const tokens = await openid.authorizationCodeGrant(application, location, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  });
  const { access_token: accessToken, id_token: idToken = '' } = tokens;
  const subject = tokens.claims()?.sub ?? '';
  const { name } = await openid.fetchUserInfo(application, accessToken, subject);
  return { accessToken, idToken, name, browser };
}
