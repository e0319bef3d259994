import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageOf,
  type RequestContext,
  requireViewer,
  resumeAfter,
  rowAfter,
  rowNumber,
  type Tx,
  type Viewer,
  watch,
} from '../platform/index.js';
import { Alarm, type AlarmEvent } from './alarm.entity.js';
import { ALARM_RAISED_TOPIC } from './alarm.store.js';
import type { AlarmSeverity, AlarmState } from './alarm-state.js';

export interface AlarmSelection {
  readonly severities?: readonly AlarmSeverity[] | null;
  readonly state?: AlarmState | null;
}

const STATE_CONDITION: Record<AlarmState, string> = {
  RAISED: 'alarm.clearedAt IS NULL AND alarm.acknowledgedAt IS NULL',
  ACKNOWLEDGED: 'alarm.clearedAt IS NULL AND alarm.acknowledgedAt IS NOT NULL',
  CLEARED: 'alarm.clearedAt IS NOT NULL',
};

export class AlarmService {
  /** The alarm, or null when there is none that the transaction may see. */
  async find(tx: Tx, globalId: string): Promise<Alarm | null> {
    return tx.findOneBy(Alarm, { id: rowNumber('Alarm', globalId) });
  }

  /** Alarms, newest first. */
  async list(tx: Tx, selection: AlarmSelection, page: Page): Promise<Connection<Alarm>> {
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(Alarm, 'alarm')
      .orderBy('alarm.id', 'DESC')
      .take(page.first + 1);
    if (after !== null) query.andWhere('alarm.id < :after', { after });
    if (selection.state) query.andWhere(STATE_CONDITION[selection.state]);
    if (selection.severities) {
      query.andWhere('alarm.severity = ANY (:severities)', { severities: selection.severities });
    }
    return pageOf(await query.getMany(), page, (alarm) => [alarm.id]);
  }

  /** Marks the alarm as taken by the viewer; once taken it stays so. Refuses ALARM_CLEARED. */
  async acknowledge(
    tx: Tx,
    viewer: Viewer,
    globalId: string,
    key: string | null,
    now: Date,
  ): Promise<Alarm> {
    const id = await once(tx, viewer, key, 'acknowledgeAlarm', { id: globalId }, async () => {
      const alarm = await this.#locked(tx, globalId);
      if (alarm.clearedAt !== null) throw new DomainError('ALARM_CLEARED', 'The alarm is over.');
      if (alarm.acknowledgedAt === null) {
        await tx.update(Alarm, alarm.id, { acknowledgedAt: now, acknowledgedBy: viewer.userId });
      }
      return alarm.id;
    });
    return tx.findOneByOrFail(Alarm, { id });
  }

  /** Ends the alarm; a cleared one stays as it is. */
  async clear(
    tx: Tx,
    viewer: Viewer,
    globalId: string,
    key: string | null,
    now: Date,
  ): Promise<Alarm> {
    const id = await once(tx, viewer, key, 'clearAlarm', { id: globalId }, async () => {
      const alarm = await this.#locked(tx, globalId);
      if (alarm.clearedAt === null) await tx.update(Alarm, alarm.id, { clearedAt: now });
      return alarm.id;
    });
    return tx.findOneByOrFail(Alarm, { id });
  }

  async #locked(tx: Tx, globalId: string): Promise<Alarm> {
    const id = rowNumber('Alarm', globalId);
    const alarm = await tx.findOne(Alarm, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (alarm === null) throw notFound('Alarm', globalId);
    return alarm;
  }
}

/**
 * Alarms as they are raised, of partners that the viewer sees at the moment of delivery; from now
 * on, or after the given event id.
 */
export function watchAlarms(
  context: RequestContext,
  after: string | null | undefined,
): AsyncIterableIterator<AlarmEvent> {
  const viewer = requireViewer(context);
  const scope = { partnerId: viewer.partnerId };
  const position = resumeAfter(after);
  const interest = { topic: ALARM_RAISED_TOPIC, ...(position !== null && { after: position }) };
  return watch(context.events.subscribe(interest), {
    load: async (event) => {
      const { alarmId } = event.payload as { alarmId: number };
      const alarm = await context.database.read(scope, (tx) =>
        tx.findOneBy(Alarm, { id: alarmId }),
      );
      return alarm === null ? null : { id: String(event.position), alarm };
    },
  });
}
