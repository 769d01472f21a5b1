import { startDemoOpenidProvider } from '../demo-openid-provider.js';
import { exchangeForeign, exchangeTwice } from './exchanges.js';
import { provokeRefusals } from './refusals.js';
import { claimsOf, grantedTo, StoryStop } from './service.js';
import { signIn } from './sign-in.js';
import { takeBack } from './take-back.js';
import { trustProvider } from './trust.js';

/**
 * Plays the whole story, step by step.
 *
 * @param {import('./service.js').Service} service
 * @param {import('./page.js').Page} page
 * @param {import('./expectations.js').Expectations} expectations
 */
export async function play(service, page, expectations) {
  page.introduce([
    'Alice opens the addresses page of web_app. It calls my_gateway, which calls address_service,',
    'which calls postal_service. Nobody passes a token on: each service exchanges what it received.',
  ]);
  const { alice, browser } = await aliceSignsIn(service, page, expectations);
  const own = await servicesProveThemselves(service, page);
  const hops = await exchangeTwice(service, page, expectations, { own, alice });
  await provokeRefusals(service, page, expectations, { own, ...hops });
  await readTheChain(service, page, expectations, { own, ...hops });
  await aliceLooks(service, page, expectations, browser);
  await takeBack(service, page, expectations, hops);
  await somebodyFromElsewhere(service, page, expectations, own);
}

async function aliceSignsIn(service, page, expectations) {
  page.step(
    'Alice signs in to web_app',
    'At this service: she fills in its forms and agrees; web_app redeems the code (PKCE).',
  );
  const { accessToken, idToken, name, browser } = await signIn(
    service.issuer,
    service.person('alice'),
  );
  page.claims('what web_app learns of her (ID token)', claimsOf(idToken));
  page.claims("Alice's access token, which web_app sends to my_gateway", claimsOf(accessToken));
  const { accountId } = service.person('alice');
  expectations.same('whom web_app greets', name, 'Alice Liddell');
  expectations.same('the subject of the ID token', claimsOf(idToken).sub, accountId);
  expectations.same('the subject of the access token', claimsOf(accessToken).sub, accountId);
  expectations.same(
    'the application of the access token',
    claimsOf(accessToken).client_id,
    'web_app',
  );
  return { alice: accessToken, browser };
}

/** What a person sees of the delegations in their name. */
async function aliceLooks(service, page, expectations, browser) {
  page.step('Alice looks who acted for her', `On her account page, ${service.issuer}/account.`);
  const { text } = await browser.open(`${service.issuer}/account`);
  for (const name of ['Web application', 'API gateway', 'Address service', 'Postal service'])
    expectations.same(`${name} on her account page`, text.includes(name), true);
  page.done('it names the application, every service that acted, and what for');
}

/** The first hop again, for somebody whom another OpenID provider signs in. */
async function somebodyFromElsewhere(service, page, expectations, own) {
  // On any free port: every story has a provider of its own, with an issuer of its own.
  const provider = await startDemoOpenidProvider();
  try {
    page.step(
      "A partner's provider signs somebody in",
      `At ${provider.issuer}, with keys of its own; an administrator made it a trusted issuer.`,
    );
    const forget = await trustProvider(service, own.admin_cli, provider.issuer);
    try {
      const { accessToken } = await provider.signIn();
      page.claims('the token that my_gateway receives', claimsOf(accessToken));
      await exchangeForeign(service, page, expectations, { own, token: accessToken });
    } finally {
      await forget();
    }
  } finally {
    await provider.stop();
  }
}

async function servicesProveThemselves(service, page) {
  page.step(
    'Each service proves who it is',
    'With its own secret it gets a token in its own name (client credentials).',
  );
  const ownToken = async (clientId) => {
    const token = grantedTo(clientId, await service.clientCredentials(clientId));
    page.claims(`the own token of ${clientId}`, claimsOf(token));
    return token;
  };
  return {
    my_gateway: await ownToken('my_gateway'),
    address_service: await ownToken('address_service'),
    admin_cli: await ownToken('admin_cli'),
  };
}

async function readTheChain(service, page, expectations, { own, first, second }) {
  page.step(
    'An auditor asks how the last token came to be',
    'One look-up by its jti tells who, for whom, through whom, what was given and what was tried.',
  );
  const { jti } = claimsOf(second);
  const path = `/audit/chains/by-jti/${encodeURIComponent(jti)}`;
  const { status, body } = await service.admin(own.admin_cli, 'GET', path);
  const view = body.chains?.[0];
  if (!view) throw new StoryStop(`The audit log does not know the chain: it answered ${status}.`);
  page.chain(view);
  expectations.same('the number of chains of the last token', body.chains.length, 1);
  const { accountId } = service.person('alice');
  const summary = `${accountId} / web_app -> my_gateway -> address_service`;
  expectations.same('the summary of the chain', view.summary, summary);
  const jtis = (outcome) =>
    view.hops
      .filter(({ record }) => record.outcome === outcome)
      .map(({ record }) => (record.issuedToken ?? record.subjectToken)?.jti);
  expectations.same('the granted hops', jtis('granted'), [claimsOf(first).jti, jti]);
  expectations.same('the refused attempts', jtis('refused'), [claimsOf(first).jti, jti]);
}
