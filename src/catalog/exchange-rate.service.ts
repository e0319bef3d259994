import { assertAtHub } from '../identity/index.js';
import { DomainError, minorUnits, parseAmount } from '../kernel/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowOf,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { convert } from './convert.js';
import { type ConvertedAmount, ExchangeRate } from './exchange-rate.entity.js';
import { narrowToMoment } from './moment.store.js';
import type { SetExchangeRateInput } from './reference.input.js';

/** Exchange rates, shared by all tenants and kept by the hub. */
export class ExchangeRateService {
  /**
   * Records an exchange rate. Refuses with NOT_HUB, INVALID_CURRENCY, EXCHANGE_RATE_REFUSED or
   * EXCHANGE_RATE_EXISTS.
   */
  async set(
    tx: Tx,
    viewer: Viewer,
    input: SetExchangeRateInput,
    key: string | null,
  ): Promise<ExchangeRate> {
    const made = await once(tx, viewer, key, 'setExchangeRate', input, async () => ({
      id: await this.#set(tx, viewer, input),
    }));
    return rowOf(tx, ExchangeRate, 'ExchangeRate', made.id);
  }

  async #set(tx: Tx, viewer: Viewer, input: SetExchangeRateInput): Promise<number> {
    await assertAtHub(tx, viewer.partnerId);
    minorUnits(input.baseCurrency);
    minorUnits(input.quoteCurrency);
    const wellFormed = /^\d{1,10}(\.\d{1,10})?$/.test(input.rate) && /[1-9]/.test(input.rate);
    if (!wellFormed || input.baseCurrency === input.quoteCurrency) {
      throw new DomainError(
        'EXCHANGE_RATE_REFUSED',
        'An exchange rate is above zero with at most 10 decimals, between two currencies.',
      );
    }
    const made = await tx.query<{ id: number }[]>(
      `INSERT INTO exchange_rate (base_currency, quote_currency, rate, valid_from, source)
       VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (base_currency, quote_currency, valid_from) WHERE superseded_at IS NULL
       DO NOTHING RETURNING id`,
      [input.baseCurrency, input.quoteCurrency, input.rate, input.validFrom, input.source.trim()],
    );
    if (made[0] !== undefined) return made[0].id;
    throw new DomainError(
      'EXCHANGE_RATE_EXISTS',
      'There is another exchange rate of the pair from the same instant.',
    );
  }

  /**
   * Withdraws a mistyped rate, so that another can be set from the same instant; what was rated
   * by it stays. Refuses with NOT_HUB, NOT_FOUND or EXCHANGE_RATE_WITHDRAWN.
   */
  async withdraw(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<ExchangeRate> {
    const made = await once(tx, viewer, key, 'withdrawExchangeRate', { id }, async () => {
      await assertAtHub(tx, viewer.partnerId);
      const rate = await rowByGlobalId(tx, ExchangeRate, 'ExchangeRate', id);
      const rows = rowsOf(
        await tx.query(
          `UPDATE exchange_rate SET superseded_at = now()
           WHERE id = $1 AND superseded_at IS NULL RETURNING id`,
          [rate.id],
        ),
      );
      if (rows.length > 0) return { id: rate.id };
      throw new DomainError('EXCHANGE_RATE_WITHDRAWN', 'The rate has been withdrawn already.');
    });
    return rowOf(tx, ExchangeRate, 'ExchangeRate', made.id);
  }

  /**
   * Exchange rates that count, or counted at a moment, by rising id; of one currency if given.
   * Refuses with INVALID_CURRENCY.
   */
  async list(
    tx: Tx,
    currency: string | null,
    asKnownAt: Date | null,
    page: Page,
  ): Promise<Connection<ExchangeRate>> {
    const query = narrowToMoment(tx.createQueryBuilder(ExchangeRate, 'row'), { asKnownAt });
    if (currency !== null) {
      minorUnits(currency);
      query.andWhere('(row.baseCurrency = :currency OR row.quoteCurrency = :currency)', {
        currency,
      });
    }
    return pageById(query, page);
  }

  /**
   * An amount in another currency at an instant, by the rates known then. Refuses with
   * EXCHANGE_RATE_MISSING, and with INVALID_MONEY an amount that is more than money in the other.
   */
  async convert(
    tx: Tx,
    amount: string,
    from: string,
    to: string,
    { asOf: at, asKnownAt }: { readonly asOf: Date; readonly asKnownAt: Date | null },
  ): Promise<ConvertedAmount> {
    minorUnits(from);
    minorUnits(to);
    // The newest of each direction: `convert` decides between them.
    const query = tx
      .createQueryBuilder(ExchangeRate, 'row')
      .distinctOn(['row.baseCurrency'])
      .where('row.validFrom <= :at', { at });
    const rates = await narrowToMoment(query, { asKnownAt })
      .andWhere(
        '((row.baseCurrency = :from AND row.quoteCurrency = :to) OR ' +
          '(row.baseCurrency = :to AND row.quoteCurrency = :from))',
        { from, to },
      )
      .orderBy('row.baseCurrency')
      .addOrderBy('row.validFrom', 'DESC')
      .getMany();
    const converted = convert(amount, from, to, at, rates);
    parseAmount(converted.amount);
    return { ...converted, currency: to };
  }
}
