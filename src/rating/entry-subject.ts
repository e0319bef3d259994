import { type Service, serviceNames } from '../mediation/thread.js';
import { type EntryList, FLAG, NUMBER, WORD } from './allowance-entry.js';
import type { RuleSubject } from './price-rules.js';
import type { Holder } from './pricing-facts.js';

/** The record that a fold is at, as rules, buckets and bonuses look at it. */
export class EntrySubject implements RuleSubject {
  /** Place of the record's first entry. */
  entry = 0;
  readonly #list: EntryList;

  constructor(list: EntryList) {
    this.#list = list;
  }

  get startedMs(): number {
    return this.#list.number(this.entry, NUMBER.STARTED_MS);
  }

  get knownAt(): number {
    return this.#list.knownAt(this.entry);
  }

  get service(): Service {
    return serviceNames[this.#list.service(this.entry)]!;
  }

  get destinationId(): number {
    return this.#list.word(this.entry, WORD.DESTINATION);
  }

  get subscriptionId(): number {
    return this.#list.word(this.entry, WORD.SUBSCRIPTION);
  }

  get contractId(): number {
    return this.#list.word(this.entry, WORD.CONTRACT);
  }

  get minuteOfWeek(): number {
    return this.#list.word(this.entry, WORD.MINUTE_OF_WEEK);
  }

  get day(): number {
    return this.#list.word(this.entry, WORD.DAY);
  }

  /** Plan of the subscription at the subscriber's own level, else 0. */
  get planId(): number {
    if (!this.#list.has(this.entry, FLAG.LAST_LEVEL)) return 0;
    return this.#list.word(this.entry, WORD.PLAN);
  }

  holderId(holder: Holder): number {
    if (holder === 'SUBSCRIPTION') return this.subscriptionId;
    return holder === 'CONTRACT' ? this.contractId : this.#list.word(this.entry, WORD.ROOT_ACCOUNT);
  }
}
