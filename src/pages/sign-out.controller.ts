import type { ServerResponse } from 'node:http';

import { All, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';

import { PersonNames } from '../authorization/person-names.js';
import { SignOut } from '../authorization/sign-out.js';
import { ClientDirectory } from '../clients/client-directory.js';
import type { Client } from '../clients/client.js';
import { readForm, readQuery } from '../endpoints/form.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { SealedValues } from '../keys/sealed-values.js';
import { isJsonObject } from '../oauth/claims.js';
import { InvalidRequestError, MethodNotAllowedError } from '../oauth/oauth-error.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { IdTokenValidator, type IdTokenHint } from '../tokens/id-token-validator.js';
import { BrowserCookies } from './browser-cookies.js';
import { FORM_TOKEN, FormTokens, staleForm } from './form-tokens.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PagePaths } from './page-paths.js';
import { PageSender } from './page-sender.js';
import { Visitors, type Visitor } from './visitors.js';
import { localesOf } from './waiting-requests.js';

const FORM = '/connect/endsession';
const WAY_BACK = 'way back after signing out';
/** Bytes: what comes back is sealed into a form, too. */
const MAX_STATE = 2048;

/** Where a person goes after signing out: a registered address, or our own page. */
interface WayBack {
  readonly address: string | undefined;
  readonly clientName: string | undefined;
}

/** Where applications send people to sign out, and where people do it themselves (OpenID Connect RP-Initiated Logout). */
@Controller('connect/endsession')
@UseFilters(PageErrorFilter)
@ApiTags('protocol')
export class SignOutController {
  constructor(
    private readonly visitors: Visitors,
    private readonly clients: ClientDirectory,
    private readonly idTokens: IdTokenValidator,
    private readonly names: PersonNames,
    private readonly signOut: SignOut,
    private readonly cookies: BrowserCookies,
    private readonly tokens: FormTokens,
    private readonly values: SealedValues,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Sign a person out',
    description:
      'OpenID Connect RP-Initiated Logout, for browsers. With an ID token of the session that is open it ends at once; else the person is asked. Leads only to an address that is registered for the client.',
  })
  @ApiQuery({ name: 'id_token_hint', required: false })
  @ApiQuery({ name: 'client_id', required: false })
  @ApiQuery({ name: 'post_logout_redirect_uri', required: false })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'ui_locales', required: false })
  @ApiResponse({ status: 200, description: 'A page that asks, or says that it is done.' })
  @ApiResponse({ status: 303, description: 'Back to the application.' })
  @ApiResponse({ status: 400, description: 'A page: the address is not registered.' })
  async ask(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    const parameters = readQuery(request);
    const hint = await this.#hint(parameters);
    const client = await this.#client(parameters, hint);
    const wayBack = wayBackOf(client, parameters);
    const { person } = visitor;
    if (person === null) {
      this.#leave(response, visitor, wayBack);
    } else if (client && hint && this.#isOf(hint, client, visitor)) {
      await this.#end(visitor, response, wayBack);
    } else {
      const view = {
        action: FORM,
        hidden: {
          [FORM_TOKEN]: this.tokens.make(FORM, visitor),
          back: this.values.seal(WAY_BACK, {
            address: wayBack.address ?? '',
            clientName: wayBack.clientName ?? '',
          }),
        },
        name: person.account.name,
        ...(client ? { clientName: client.name } : {}),
      };
      this.sender.send(response, 'sign-out', view, {
        locales: languagesOf(parameters, visitor),
        leadsTo: wayBack.address,
      });
    }
  }

  /** The answer to the page; and requests that applications post, which come again with GET. */
  @Post()
  @ApiExcludeEndpoint()
  async answer(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const parameters = await readForm(request);
    if (parameters.get(FORM_TOKEN) === undefined) {
      const query = new URLSearchParams(
        parameters.entries().map(([name, value]): [string, string] => [name, value]),
      );
      this.sender.lead(response, `${this.paths.to(FORM)}?${query.toString()}`);
      return;
    }
    const visitor = await this.visitors.of(request, response);
    if (!this.tokens.isOurs(FORM, visitor, parameters)) throw staleForm();
    if (parameters.get('choice') === 'stay') {
      this.sender.lead(response, this.paths.to('/account'));
      return;
    }
    const back = this.values.open(WAY_BACK, parameters.get('back') ?? '');
    const wayBack = isJsonObject(back)
      ? { address: textOf(back['address']), clientName: textOf(back['clientName']) }
      : { address: undefined, clientName: undefined };
    await this.#end(visitor, response, wayBack);
  }

  @All()
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD, POST');
  }

  async #end(visitor: Visitor, response: ServerResponse, wayBack: WayBack): Promise<void> {
    if (visitor.person) {
      const { session } = visitor.person;
      await this.signOut.end(session.sid, { origin: visitor.origin, operation: 'sign-out' });
    }
    this.cookies.end(response);
    this.#leave(response, visitor, wayBack);
  }

  #leave(response: ServerResponse, visitor: Visitor, { address, clientName }: WayBack): void {
    if (address !== undefined) {
      this.sender.lead(response, address);
      return;
    }
    const view = { signInHref: '/sign-in', ...(clientName === undefined ? {} : { clientName }) };
    this.sender.send(response, 'signed-out', view, { locales: localesOf(visitor) });
  }

  /** Undefined also when it cannot be verified, or no more: then it says nothing, and the person is asked. */
  async #hint(parameters: RequestParameters): Promise<IdTokenHint | undefined> {
    const token = parameters.get('id_token_hint');
    return token === undefined ? undefined : this.idTokens.readHint(token);
  }

  /** @throws InvalidRequestError when two are named, or one that is unknown */
  async #client(
    parameters: RequestParameters,
    hint: IdTokenHint | undefined,
  ): Promise<Client | null> {
    const clientId = parameters.get('client_id') ?? hint?.clientId;
    if (clientId === undefined) return null;
    if (hint !== undefined && hint.clientId !== clientId)
      throw refuse('The id_token_hint is of another client.');
    const client = await this.clients.find(clientId);
    if (client === null || client.disabled) throw refuse('The application is not known here.');
    return client;
  }

  /** Whether the session that is open is the one of the ID token. */
  #isOf({ subject, sid }: IdTokenHint, client: Client, { person }: Visitor): boolean {
    return (
      person !== null &&
      subject === this.names.of(person.account.accountId, client) &&
      sid === person.session.sid
    );
  }
}

/** @throws InvalidRequestError when the address is not registered: nobody is sent there (section 3) */
function wayBackOf(client: Client | null, parameters: RequestParameters): WayBack {
  const address = parameters.get('post_logout_redirect_uri');
  const state = parameters.get('state');
  const clientName = client?.name;
  // A hint that says nothing might have named the client: whoever wants to sign out still can.
  const isNameless = client === null && parameters.get('id_token_hint') !== undefined;
  if (address === undefined || isNameless) return { address: undefined, clientName };
  if (!client?.signIn.postLogoutRedirectUris.includes(address))
    throw refuse('The address to return to is not registered for this application.');
  if (state === undefined) return { address, clientName };
  if (Buffer.byteLength(state) > MAX_STATE) throw refuse('state is malformed.');
  const query = new URLSearchParams({ state }).toString();
  return { address: `${address}${address.includes('?') ? '&' : '?'}${query}`, clientName };
}

function languagesOf(parameters: RequestParameters, visitor: Visitor): readonly string[] {
  const asked = (parameters.get('ui_locales') ?? '').slice(0, 500).split(' ');
  return [...asked.filter((tag) => tag !== ''), ...localesOf(visitor)];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function refuse(description: string): InvalidRequestError {
  return new InvalidRequestError('parameter_malformed', description);
}
