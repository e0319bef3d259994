import { describe, expect, it } from 'vitest';
import { messageBody, messageOf, PING } from '../../src/integration/webhook-message.js';
import { toGlobalId } from '../../src/kernel/index.js';

const of = (topic: string, key: string, payload: object = {}) => messageOf({ topic, key, payload });

describe('what a webhook is told', () => {
  it('are ids of what an event is about, and nothing else of it', () => {
    const secret = { reason: '+49 151 23456789 owes 80.00', text: 'x', amount: '1' };
    expect(of('alarm.raised', 'Subscription:7', { alarmId: 3, ...secret })).toEqual({
      kind: 'ALARM_RAISED',
      data: { alarmId: toGlobalId('Alarm', 3), subjectId: toGlobalId('Subscription', 7) },
    });
    expect(of('invoice.finalised', '9', { invoiceId: 9, ...secret })).toEqual({
      kind: 'INVOICE_FINALISED',
      data: { invoiceId: toGlobalId('Invoice', 9) },
    });
    for (const what of ['blocked', 'released']) {
      expect(of(`subscription.${what}`, '4', { subscriptionId: 4, ...secret })).toEqual({
        kind: `SUBSCRIPTION_${what.toUpperCase()}`,
        data: { subscriptionId: toGlobalId('Subscription', 4) },
      });
    }
  });

  it('is the end of a run, not its progress', () => {
    const run = (state: string) => of('run.progress', '5', { runId: 5, kind: 'IMPORT', state });
    for (const state of ['DONE', 'PARKED', 'CANCELLED']) {
      expect(run(state)).toEqual({
        kind: 'RUN_FINISHED',
        data: { runId: toGlobalId('Run', 5), kind: 'IMPORT', state },
      });
    }
    for (const state of ['READY', 'RUNNING']) expect(run(state)).toBeNull();
  });

  it('is nothing of events that it does not know', () => {
    expect(of('something.else', '1')).toBeNull();
  });

  it('is written the same way each time', () => {
    const message = {
      messageId: 'msg_1',
      eventType: 'ALARM_RAISED',
      occurredAt: new Date('2026-10-16T08:00:00Z'),
      data: { alarmId: 'a' },
    };
    expect(messageBody(message)).toBe(
      '{"type":"alarm.raised","id":"msg_1","occurred_at":"2026-10-16T08:00:00.000Z","data":{"alarmId":"a"}}',
    );
    expect(JSON.parse(messageBody({ ...message, eventType: PING, data: {} })).type).toBe(PING);
  });
});
