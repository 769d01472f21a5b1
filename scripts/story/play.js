import { startDemoOpenidProvider } from '../demo-openid-provider.js';
import { exchangeTwice } from './exchanges.js';
import { provokeRefusals } from './refusals.js';
import { claimsOf, grantedTo, StoryStop } from './service.js';
import { trustProvider } from './trust.js';

const SUMMARY = '12345 / web_app -> my_gateway -> address_service';

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
  const own = await servicesProveThemselves(service, page);
  // On any free port: every story has a provider of its own, with an issuer of its own.
  const provider = await startDemoOpenidProvider();
  try {
    const alice = await aliceSignsIn(provider, page);
    page.step(
      'The administrator trusts that provider',
      'It becomes a trusted issuer, and my_gateway may present its tokens; nobody else may.',
    );
    const forget = await trustProvider(service, own.admin_cli, provider.issuer);
    page.done(`${provider.issuer} is a trusted issuer, for tokens that are meant for my_gateway`);
    try {
      const hops = await exchangeTwice(service, page, expectations, { own, alice });
      await provokeRefusals(service, page, expectations, { own, ...hops });
      await readTheChain(service, page, expectations, { own, ...hops });
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

async function aliceSignsIn(provider, page) {
  page.step(
    'Alice signs in to web_app',
    `At another OpenID provider, ${provider.issuer}, which signs with keys of its own.`,
  );
  const { accessToken } = await provider.signIn();
  page.claims("Alice's access token, which web_app sends to my_gateway", claimsOf(accessToken));
  return accessToken;
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
  expectations.same('the summary of the chain', view.summary, SUMMARY);
  const jtis = (outcome) =>
    view.hops
      .filter(({ record }) => record.outcome === outcome)
      .map(({ record }) => (record.issuedToken ?? record.subjectToken)?.jti);
  expectations.same('the granted hops', jtis('granted'), [claimsOf(first).jti, jti]);
  expectations.same('the refused attempts', jtis('refused'), [claimsOf(first).jti, jti]);
}
