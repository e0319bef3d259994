import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageOf,
  rowAfter,
  rowNumber,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { ApiKey } from './api-key.entity.js';
import { API_KEY_DAYS, type ApiKeyParts, apiKeyText, isApiKeyEnd } from './api-key.js';
import { demandReach, knownPermissions } from './grant.js';
import { beginGrant, ownerInView, userInView } from './grant.store.js';
import type { CreateApiKeyInput } from './identity.input.js';

const PREFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const PREFIX_LENGTH = 12;
const SECRET_BYTES = 32;
const LIVING_KEYS = 50;

/** A new key, with its text when it was made just now. */
export interface MadeApiKey {
  readonly apiKey: ApiKey;
  readonly secret: string | null;
}

/**
 * Keys for integrations. A key never permits more than its scopes, and those never more than the
 * user who made it may do at the moment. All transactions here are in the scope of the viewer's
 * own partner, where his keys are.
 */
export class ApiKeyService {
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * Keys that a user made, the viewer when none is named, oldest first. Refuses with NOT_FOUND,
   * FORBIDDEN.
   */
  async list(tx: Tx, viewer: Viewer, user: string | null, page: Page): Promise<Connection<ApiKey>> {
    const { userId } = await userInView(tx, viewer, user);
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(ApiKey, 'key')
      .where('key.userId = :userId', { userId })
      .orderBy('key.id')
      .take(page.first + 1);
    if (after !== null) query.andWhere('key.id > :after', { after });
    return pageOf(await query.getMany(), page, (key) => [key.id]);
  }

  /**
   * Makes a key that acts at the partner that the viewer acts at; its text is shown this once.
   * Refuses with UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, API_KEY_LIFE_INVALID,
   * TOO_MANY_API_KEYS.
   */
  async createOnce(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: CreateApiKeyInput,
  ): Promise<MadeApiKey> {
    const { userId, homePartnerId, partnerId } = viewer;
    const asker = { userId, partnerId: homePartnerId };
    let secret: string | null = null;
    const made = await once(tx, asker, key, 'createApiKey', { ...input, partnerId }, async () => {
      const created = await this.#create(tx, viewer, input);
      secret = created.secret;
      return { id: created.id };
    });
    return { apiKey: await tx.findOneByOrFail(ApiKey, { id: made.id }), secret };
  }

  /**
   * Ends a key at once, on sockets within five seconds. Refuses with NOT_FOUND, FORBIDDEN, and
   * with PERMISSION_NOT_HELD for a key of somebody else that may do more than the viewer.
   */
  async revoke(tx: Tx, viewer: Viewer, globalId: string): Promise<ApiKey> {
    const now = this.#now();
    const present = await beginGrant(tx, viewer, { now, partnerId: viewer.homePartnerId });
    const id = rowNumber('ApiKey', globalId);
    const key = await tx.findOneBy(ApiKey, { id });
    if (key === null) throw notFound('ApiKey', globalId);
    const owner = { type: 'ApiKey', globalId, userId: key.userId, partnerId: key.partnerId };
    const isItself = present.apiKeyId === id;
    if (!isItself) await ownerInView(tx, present, owner);
    if (key.userId !== present.userId) demandReach(present, key.scopes, []);
    if (key.revokedAt !== null) return key;
    key.revokedAt = now;
    await tx.update(ApiKey, { id }, { revokedAt: now });
    return key;
  }

  async #create(
    tx: Tx,
    viewer: Viewer,
    input: CreateApiKeyInput,
  ): Promise<{ id: number; secret: string }> {
    const now = this.#now();
    const { name, expiresAt } = input;
    const present = await beginGrant(tx, viewer, {
      now,
      permission: 'api-key.manage',
      partnerId: viewer.homePartnerId,
    });
    const scopes = knownPermissions(input.scopes);
    demandReach(present, [], scopes);
    if (!isApiKeyEnd(expiresAt, now)) {
      throw new DomainError(
        'API_KEY_LIFE_INVALID',
        `An API key ends in the future and within ${API_KEY_DAYS} days.`,
      );
    }
    const { userId, homePartnerId: partnerId, partnerId: atPartnerId } = present;
    await demandFewer(tx, userId, now);
    const parts = newParts();
    const row = { partnerId, userId, atPartnerId, name, scopes, createdAt: now, expiresAt };
    const secretHash = hashOf(parts.secret);
    const { prefix } = parts;
    const made = await tx.insert(ApiKey, { ...row, prefix, secretHash });
    return { id: made.identifiers[0]?.id as number, secret: apiKeyText(parts) };
  }
}

/** Whether a presented secret is the one of a row; in a time that tells nothing about it. */
export function isSecretOf(hash: Uint8Array, secret: string): boolean {
  return timingSafeEqual(hashOf(secret), hash);
}

async function demandFewer(tx: Tx, userId: number, now: Date): Promise<void> {
  const [{ living } = { living: 0 }] = await tx.query<{ living: number }[]>(
    `SELECT count(*)::int AS living FROM api_key
     WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2`,
    [userId, now],
  );
  if (living < LIVING_KEYS) return;
  throw new DomainError('TOO_MANY_API_KEYS', `A user has at most ${LIVING_KEYS} living keys.`);
}

function newParts(): ApiKeyParts {
  const letter = () => PREFIX_LETTERS[randomInt(PREFIX_LETTERS.length)];
  return {
    prefix: Array.from({ length: PREFIX_LENGTH }, letter).join(''),
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
  };
}

// 256 random bits need no slow hash.
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
