import { DomainError } from '../kernel/index.js';
import {
  admitPartner,
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Account } from './account.entity.js';
import { Partner } from './partner.entity.js';
import type {
  CreateAccountInput,
  CreatePartnerInput,
  PartnerFilter,
  UpdatePartnerInput,
} from './partner.input.js';
import { assertCountry, assertPlacement, languageTag } from './placement.js';

/** Partners and their accounts. */
export class PartnerService {
  /**
   * Creates a partner below a visible one. Refuses with NOT_FOUND, PARTNER_CLOSED,
   * PARTNER_PLACE_REFUSED, PARTNER_TOO_DEEP, INVALID_COUNTRY or INVALID_LANGUAGE.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreatePartnerInput,
    idempotencyKey: string | null,
  ): Promise<Partner> {
    const made = await once(tx, viewer, idempotencyKey, 'createPartner', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, Partner, 'Partner', made.id);
  }

  async #create(tx: Tx, input: CreatePartnerInput): Promise<number> {
    const parent = await activePartner(tx, input.parentId);
    assertPlacement(input.kind, parent);
    assertCountry(input.country);
    const language = languageTag(input.language);
    const [next] = await tx.query<{ id: number }[]>("SELECT nextval('partner_id_seq')::int AS id");
    const id = (next as { id: number }).id;
    await admitPartner(tx, id);
    await tx.insert(Partner, {
      id,
      parentId: parent.id,
      path: [...parent.path, id],
      depth: parent.depth + 1,
      kind: input.kind,
      name: input.name.trim(),
      legalName: input.legalName ?? null,
      country: input.country,
      address: input.address,
      taxNumber: input.taxNumber ?? null,
      email: input.email ?? null,
      language,
    });
    return id;
  }

  /**
   * Creates the hub, the one partner above all others, before anybody can sign in. Refuses with
   * HUB_EXISTS when there is one.
   */
  async establishHub(
    tx: Tx,
    given: { readonly name: string; readonly country: string },
  ): Promise<number> {
    assertCountry(given.country);
    const roots = await tx.query('SELECT 1 FROM partner WHERE parent_id IS NULL');
    if (roots.length > 0) throw new DomainError('HUB_EXISTS', 'This installation has its hub.');
    const [next] = await tx.query<{ id: number }[]>("SELECT nextval('partner_id_seq')::int AS id");
    const id = (next as { id: number }).id;
    await admitPartner(tx, id);
    await tx.insert(Partner, { id, path: [id], depth: 0, kind: 'HUB', address: '', ...given });
    return id;
  }

  /**
   * Changes what a partner is called and where it is found. Refuses with NOT_FOUND,
   * INVALID_COUNTRY or INVALID_LANGUAGE.
   */
  async update(tx: Tx, input: UpdatePartnerInput): Promise<Partner> {
    const partner = await rowByGlobalId(tx, Partner, 'Partner', input.id);
    const { country, language } = input;
    if (typeof country === 'string') assertCountry(country);
    const given = {
      ...(input.name ? { name: input.name.trim() } : {}),
      ...(typeof country === 'string' ? { country } : {}),
      ...(typeof input.address === 'string' ? { address: input.address } : {}),
      ...(typeof language === 'string' ? { language: languageTag(language) } : {}),
      ...(input.legalName === undefined ? {} : { legalName: input.legalName }),
      ...(input.taxNumber === undefined ? {} : { taxNumber: input.taxNumber }),
      ...(input.email === undefined ? {} : { email: input.email }),
    };
    if (Object.keys(given).length > 0) await tx.update(Partner, { id: partner.id }, given);
    return rowOf(tx, Partner, 'Partner', partner.id);
  }

  /** Visible partners by rising id. */
  async list(tx: Tx, filter: PartnerFilter, page: Page): Promise<Connection<Partner>> {
    const query = tx.createQueryBuilder(Partner, 'row');
    if (filter.kinds) query.andWhere('row.kind = ANY(:kinds)', { kinds: filter.kinds });
    if (filter.parentId) {
      query.andWhere('row.parentId = :parent', { parent: rowNumber('Partner', filter.parentId) });
    }
    if (filter.name) {
      query.andWhere('strpos(lower(row.name), lower(:name)) > 0', { name: filter.name });
    }
    return pageById(query, page);
  }

  /**
   * Creates an account. Refuses with NOT_FOUND, PARTNER_CLOSED, ACCOUNT_OF_OTHER_PARTNER or
   * ACCOUNT_NUMBER_TAKEN.
   */
  async createAccount(
    tx: Tx,
    viewer: Viewer,
    input: CreateAccountInput,
    idempotencyKey: string | null,
  ): Promise<Account> {
    const made = await once(tx, viewer, idempotencyKey, 'createAccount', input, async () => ({
      id: await this.#createAccount(tx, input),
    }));
    return rowOf(tx, Account, 'Account', made.id);
  }

  async #createAccount(tx: Tx, input: CreateAccountInput): Promise<number> {
    const partner = await activePartner(tx, input.partnerId);
    let parentId: number | null = null;
    if (input.parentId) {
      parentId = (await openAccount(tx, input.parentId, partner.id)).id;
    }
    const id = await insertNumbered(tx, 'account', input.number ?? null, {
      partner_id: partner.id,
      parent_id: parentId,
      name: input.name.trim(),
    });
    if (id !== null) return id;
    throw new DomainError('ACCOUNT_NUMBER_TAKEN', 'The account number is in use.', {
      number: input.number,
    });
  }
}

/** A visible partner that is not closed; refuses with NOT_FOUND or PARTNER_CLOSED. */
export async function activePartner(tx: Tx, globalId: string): Promise<Partner> {
  const partner = await rowByGlobalId(tx, Partner, 'Partner', globalId);
  if (partner.status !== 'ACTIVE') {
    throw new DomainError('PARTNER_CLOSED', 'The partner is closed.', { id: globalId });
  }
  return partner;
}

/**
 * A visible open account of this partner; refuses with NOT_FOUND, ACCOUNT_OF_OTHER_PARTNER or
 * ACCOUNT_CLOSED.
 */
export async function openAccount(tx: Tx, globalId: string, partnerId: number): Promise<Account> {
  const account = await rowByGlobalId(tx, Account, 'Account', globalId);
  if (account.partnerId !== partnerId) {
    throw new DomainError(
      'ACCOUNT_OF_OTHER_PARTNER',
      'The account belongs to another partner than it must here.',
      { id: globalId },
    );
  }
  if (account.status !== 'ACTIVE') {
    throw new DomainError('ACCOUNT_CLOSED', 'The account is closed.', { id: globalId });
  }
  return account;
}

/** Digits enough for every row that an int key can count. */
const GENERATED_DIGITS = 7;
const ATTEMPTS = 100;

/**
 * Inserts a row with a system-wide number: the given one, or the next of the table's sequence
 * that nobody has taken. Answers its id, or null when the given number is taken. Numbers of
 * tenants that the caller cannot see count as well, so uniqueness is asked of the index.
 */
export async function insertNumbered(
  tx: Tx,
  table: 'account' | 'contract',
  number: string | null,
  values: Readonly<Record<string, string | number | null>>,
): Promise<number | null> {
  const columns = Object.keys(values);
  const places = columns.map((_, i) => `$${i + 2}`);
  const letter = table === 'account' ? 'A' : 'C';
  for (let attempt = 0; attempt < (number === null ? ATTEMPTS : 1); attempt += 1) {
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO ${table} (number, ${columns.join(', ')})
       VALUES (coalesce($1, '${letter}' || lpad(nextval('${table}_number_seq')::text,
         ${GENERATED_DIGITS}, '0')), ${places.join(', ')})
       ON CONFLICT (number) DO NOTHING RETURNING id`,
      [number?.trim() ?? null, ...Object.values(values)],
    );
    if (rows[0] !== undefined) return rows[0].id;
  }
  return null;
}
