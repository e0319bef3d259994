/** How long a delivery is tried, and after which a webhook that takes nothing is paused. */
export const TRY_HOURS = 72;

const FIRST_MS = 5_000;
const FACTOR = 3;
const LONGEST_MS = 12 * 3_600_000;
const JITTER = 0.25;

/**
 * How long a delivery waits after its `failures`th failure in a row: 5 s at first, three times as
 * long with each further one, 12 h at most, a quarter more or less as `random` in [0, 1) falls,
 * and at least as long as the receiver has asked for.
 */
export function retryPauseMs(failures: number, random: number, askedMs = 0): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * FACTOR ** (failures - 1));
  const drawn = base * (1 - JITTER + 2 * JITTER * random);
  return Math.round(Math.max(drawn, Math.min(askedMs, LONGEST_MS)));
}

/** A webhook that has something to send, or that something is being sent to. */
export interface Claimant {
  readonly webhookId: number;
  readonly partnerId: number;
  /** Whether the last delivery arrived. */
  readonly proven: boolean;
}

/** How many deliveries a process has under way at once. */
export interface Slots {
  readonly all: number;
  /** To webhooks that have not proven to answer, together. */
  readonly unproven: number;
  readonly perPartner: number;
  readonly perWebhook: number;
}

/**
 * How many deliveries each waiting webhook may begin beside those under way, in turns and in the
 * order given. One that has not proven to answer gets one at a time, and all of those together a
 * part of the slots, so that receivers that hang never keep others waiting.
 */
export function shareSlots(
  waiting: readonly Claimant[],
  busy: readonly Claimant[],
  slots: Slots,
): ReadonlyMap<number, number> {
  const used = new Tally(busy);
  const shares = new Map<number, number>();
  for (let round = 0; round < slots.perWebhook; round += 1) {
    for (const one of waiting) {
      if (!used.admits(one, slots)) continue;
      used.add(one);
      shares.set(one.webhookId, (shares.get(one.webhookId) ?? 0) + 1);
    }
  }
  return shares;
}

class Tally {
  #all = 0;
  #unproven = 0;
  readonly #webhooks = new Map<number, number>();
  readonly #partners = new Map<number, number>();

  constructor(busy: readonly Claimant[]) {
    for (const one of busy) this.add(one);
  }

  add({ webhookId, partnerId, proven }: Claimant): void {
    this.#all += 1;
    if (!proven) this.#unproven += 1;
    this.#webhooks.set(webhookId, (this.#webhooks.get(webhookId) ?? 0) + 1);
    this.#partners.set(partnerId, (this.#partners.get(partnerId) ?? 0) + 1);
  }

  admits({ webhookId, partnerId, proven }: Claimant, slots: Slots): boolean {
    const own = this.#webhooks.get(webhookId) ?? 0;
    return (
      this.#all < slots.all &&
      (proven || this.#unproven < slots.unproven) &&
      own < (proven ? slots.perWebhook : 1) &&
      (this.#partners.get(partnerId) ?? 0) < slots.perPartner
    );
  }
}
