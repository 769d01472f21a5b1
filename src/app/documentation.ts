import type { INestApplication } from '@nestjs/common';
import {
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
  type SwaggerCustomOptions,
} from '@nestjs/swagger';

import { ADMIN_SCOPE_MEANINGS } from '../admin/admin-scopes.js';
import { ProblemDocument } from '../admin/problem.dto.js';
import { ADMIN_SECURITY } from '../admin/requires-scope.js';
import { documentationRedirect } from './administrator.js';

/** What the page may load, as helmet's directives: Swagger UI writes styles into its elements. */
export const DOCUMENTATION_CSP = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

const TITLE = 'nest-token-exchange';

const INTRODUCTION = `
A corporate identity provider around OAuth 2.0 Token Exchange (RFC 8693): each service trades the
token it received for one that still names the original subject and names the service as the
actor. Every attempt, granted or refused, leaves one record.

**Try the admin API:** press *Authorize* and sign in as a person with a role (the client
\`swagger-ui\`, no secret), or enter the id and the secret of a client that has admin scopes and
this API as its default target. In development mode \`npm start\` prints both and writes them to
\`data/demo.json\`. Leave the scopes unticked to get everything that you may have.

**Errors** of the protocol are \`{ error, error_description }\` (RFC 6749); errors of the admin API
are problem documents (RFC 9457).
`;

const TAGS = [
  ['protocol', 'The endpoints that applications and services call.'],
  ['discovery', 'The key set and the metadata documents.'],
  ['clients', 'Applications and services, what they may do, and their secrets.'],
  ['accounts', 'People: their accounts, passwords and sign-in sessions.'],
  ['keys', 'The signing keys and their life.'],
  ['trusted issuers', 'Other issuers whose tokens may be exchanged.'],
  ['policies', 'Who may act for whom: rules in versions, explained.'],
  ['revocations', 'What is taken back, with everything that came of it.'],
  ['erasures', 'People who are made unreadable in every record.'],
  ['audit', 'What happened: records and delegation chains.'],
  ['sinks', 'Systems that get the records as they come.'],
  ['ledger', 'Proof that what happened was not changed: checkpoints, tiles and proofs.'],
] as const;

const OAUTH_ERROR = {
  type: 'object',
  required: ['error', 'error_description'],
  properties: {
    error: { type: 'string', description: 'The code (RFC 6749 section 5.2).' },
    error_description: { type: 'string', description: 'A sentence for developers.' },
  },
  example: {
    error: 'invalid_request',
    error_description: 'A presented token is not acceptable.',
  },
};

const STYLE = `
.swagger-ui .wrapper { max-width: 1100px; }
.swagger-ui .info { margin: 36px 0 24px; }
.swagger-ui .info .title { font-weight: 600; letter-spacing: -0.01em; }
.swagger-ui .scheme-container { margin: 0 0 20px; padding: 14px 0; box-shadow: none; border: solid #d8dde7; border-width: 1px 0; }
.swagger-ui .opblock-tag { font-size: 19px; text-transform: capitalize; }
.swagger-ui .opblock-tag small { text-transform: none; }
.swagger-ui .opblock { box-shadow: none; border-radius: 6px; }
`;

const PAGE: SwaggerCustomOptions = {
  customSiteTitle: `${TITLE} · API`,
  customCss: STYLE,
  raw: ['json'],
  jsonDocumentUrl: 'docs-json',
  swaggerOptions: {
    layout: 'BaseLayout',
    validatorUrl: null,
    persistAuthorization: false,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    docExpansion: 'list',
  },
};

/** Serves Swagger UI at `/docs` and the OpenAPI document at `/docs-json`. Nothing of it is loaded from elsewhere. */
export function setUpDocumentation(app: INestApplication, settings: { issuer: string }): void {
  let document: OpenAPIObject | undefined;
  const swaggerOptions = {
    ...PAGE.swaggerOptions,
    oauth2RedirectUrl: documentationRedirect(settings.issuer),
    initOAuth: { clientId: 'swagger-ui', usePkceWithAuthorizationCodeGrant: true },
  };
  SwaggerModule.setup('docs', app, () => (document ??= describe(app, settings.issuer)), {
    ...PAGE,
    swaggerOptions,
  });
}

function describe(app: INestApplication, issuer: string): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle(TITLE)
    .setDescription(INTRODUCTION)
    .setVersion('1')
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .addServer(issuer)
    .addBasicAuth(
      { type: 'http', scheme: 'basic', description: 'A client: its id and its secret.' },
      'client',
    )
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token.' }, 'token')
    .addOAuth2(
      {
        type: 'oauth2',
        description:
          'A person with a role, or a client with admin scopes whose default target is the admin API.',
        flows: {
          authorizationCode: {
            authorizationUrl: `${issuer}/connect/authorize`,
            tokenUrl: `${issuer}/connect/token`,
            scopes: { ...ADMIN_SCOPE_MEANINGS },
          },
          clientCredentials: {
            tokenUrl: `${issuer}/connect/token`,
            scopes: { ...ADMIN_SCOPE_MEANINGS },
          },
        },
      },
      ADMIN_SECURITY,
    );
  for (const [name, description] of TAGS) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    extraModels: [ProblemDocument],
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, OAuthError: OAUTH_ERROR },
  };
  return document;
}
