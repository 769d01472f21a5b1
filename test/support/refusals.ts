import { expect } from '@jest/globals';

import type { AuditRecord } from '../../src/audit/audit-record.js';
import type { Answer } from './protocol.js';
import type { Provider } from './provider.js';

/** What a request that is refused answers on the wire, and leaves behind. */
export interface Refusal {
  readonly error: string;
  readonly reason: string;
  /** 400 unless said otherwise. */
  readonly status?: number;
}

/** Expects a refusal on the wire and in the one record of the attempt. @returns the record */
export async function expectRefusal(
  provider: Provider,
  work: () => Promise<Answer>,
  { error, reason, status = 400 }: Refusal,
): Promise<AuditRecord> {
  const { result: answer, records } = await provider.recorded(work);
  expect({ status: answer.status, error: answer.body['error'] }).toEqual({ status, error });
  expect(Object.keys(answer.body).toSorted()).toEqual(['error', 'error_description']);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(records).toHaveLength(1);
  const [record] = records;
  expect(record).toMatchObject({ event: 'grant', outcome: 'refused', reason, error });
  expect(record?.issuedToken).toBeUndefined();
  return record as AuditRecord;
}

/** The same for a code or a refresh token: the wire says no more than that. */
export async function expectInvalidGrant(
  provider: Provider,
  work: () => Promise<Answer>,
  reason: string,
): Promise<AuditRecord> {
  let text = '';
  const record = await expectRefusal(
    provider,
    async () => {
      const answer = await work();
      ({ text } = answer);
      return answer;
    },
    { error: 'invalid_grant', reason },
  );
  expect(JSON.parse(text)).toEqual({
    error: 'invalid_grant',
    error_description: 'The code or the refresh token is not acceptable.',
  });
  return record;
}

/** Expects that nothing which came of an authorization is good any more. */
export async function expectAllDead(provider: Provider, given: Answer): Promise<void> {
  const accessToken = given.body['access_token'];
  await expectInvalidGrant(
    provider,
    () => provider.refresh(given.body['refresh_token'], {}, clientOf(given)),
    'authorization_revoked',
  );
  await expectRefusal(provider, () => provider.exchange(accessToken), {
    error: 'invalid_request',
    reason: 'token_party_disabled',
  });
  await expectNotAtUserInfo(provider, accessToken);
}

/** Expects that UserInfo does not take a token. */
export async function expectNotAtUserInfo(provider: Provider, token: unknown): Promise<void> {
  const answer = await provider.userInfo(token);
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer realm="userinfo", error="invalid_token"');
  expect(answer.body).toEqual({
    error: 'invalid_token',
    error_description: 'The access token is not acceptable.',
  });
  expect(answer.headers['cache-control']).toBe('no-store');
}

/** Null for the public one of the story, which says its name in the form. */
function clientOf({ body }: Answer): string | null {
  const [, payload = ''] = String(body['access_token']).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { client_id: string };
  return claims.client_id === 'web_app' ? null : claims.client_id;
}
