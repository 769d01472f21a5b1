import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { ADMIN_SCOPES } from '../../src/admin/admin-scopes.js';
import { AdminApp } from '../support/admin-app.js';
import { basic, ISSUER } from '../support/protocol.js';

const FORM = 'application/x-www-form-urlencoded';

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: {
    readonly content: Readonly<
      Record<
        string,
        {
          readonly schema: {
            readonly properties?: Readonly<Record<string, { readonly example: string }>>;
          };
        }
      >
    >;
  };
  readonly responses: Readonly<Record<string, object>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly tags: readonly { readonly name: string }[];
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

let admin: AdminApp;
let document: Document;

beforeAll(async () => {
  admin = await AdminApp.start();
  document = (await admin.get('/docs-json', { token: null })).body as unknown as Document;
});

afterAll(async () => {
  await admin.stop();
});

describe('the OpenAPI document', () => {
  test('describes every operation of the admin API with its scope and its refusals', () => {
    const paths = Object.entries(document.paths).filter(([path]) => path.startsWith('/admin'));
    const operations = paths.flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method} ${path}`,
        ...operation,
      })),
    );
    expect(operations).toHaveLength(75);
    for (const { name, summary, description, tags, security, responses } of operations) {
      expect([name, summary, description]).toEqual([name, expect.any(String), expect.any(String)]);
      expect(document.tags.map((tag) => tag.name)).toEqual(
        expect.arrayContaining([...(tags ?? [])]),
      );
      const [scope] = security?.[0]?.['admin'] ?? [];
      expect(ADMIN_SCOPES).toContain(scope);
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']));
    }
  });

  test('holds the error schemas and what the Authorize button needs', () => {
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(['ProblemDocument', 'OAuthError']),
    );
    expect(document.components.securitySchemes['admin']).toMatchObject({
      type: 'oauth2',
      flows: { clientCredentials: { tokenUrl: `${ISSUER}/connect/token` } },
    });
    const { flows } = document.components.securitySchemes['admin'] as {
      flows: { clientCredentials: { scopes: object } };
    };
    expect(Object.keys(flows.clientCredentials.scopes)).toEqual([...ADMIN_SCOPES]);
  });

  test.each([
    ['/connect/introspect', '{"active":false}'],
    ['/connect/revocation', ''],
  ])('fills the form of %s with what a client can send at once', async (path, expected) => {
    const operation = document.paths[path]?.['post'];
    expect(operation?.security).toEqual([{ client: [] }]);
    expect(Object.keys(operation?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '400', '401', '405', '413', '429', '503']),
    );
    const { properties } = operation?.requestBody?.content[FORM]?.schema ?? {};
    const body = new URLSearchParams();
    for (const [name, { example }] of Object.entries(properties ?? {})) body.set(name, example);
    expect(body.get('token')).not.toBe('');
    const authorization = basic('admin_cli', 'admin_cli-secret');
    const answer = await admin.send('POST', path, {
      token: null,
      headers: { authorization },
      body,
    });
    expect([answer.status, answer.text]).toEqual([200, expected]);
  });

  test('leads nowhere that it does not hold', () => {
    const references = JSON.stringify(document).matchAll(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
    );
    for (const [, name = ''] of references)
      expect(Object.keys(document.components.schemas)).toContain(name);
  });
});

describe('the documentation page', () => {
  test('loads nothing from elsewhere and has no script in the page', async () => {
    const { text, status } = await admin.get('/docs', { token: null });
    expect(status).toBe(200);
    expect(text).not.toMatch(/(?:src|href)=["'](?:https?:)?\/\//);
    expect(text.match(/<script(?![^>]* src=)/)).toBeNull();
    const start = await admin.get('/docs/swagger-ui-init.js', { token: null });
    expect(start.text).toContain('"validatorUrl": null');
    expect(start.text).toContain('"persistAuthorization": false');
    expect((await admin.get('/docs/swagger-ui-bundle.js', { token: null })).status).toBe(200);
  });
});
