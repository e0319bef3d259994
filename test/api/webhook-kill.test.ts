import { describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { besides } from '../fixtures/serve-process.js';
import { testApp } from '../fixtures/test-app.js';
import { anAlarm, asSystem, aWebhook, deliveriesOf, until } from '../fixtures/webhook-desk.js';
import { webhookReceiver } from '../fixtures/webhook-receiver.js';

describe('a process that dies between sending and writing it down', () => {
  it('leaves the message to another, under the same id, and loses none', async () => {
    const inbox = await webhookReceiver(() => null);
    const other = await testApp({
      start: false,
      env: { KONTOR_WEBHOOK_ALLOWED_ORIGINS: inbox.origin },
    });
    try {
      const partner = await aPartner(other);
      const user = await aUser(other, { partnerId: partner.id });
      const hook = await aWebhook(other, await other.signIn(user.email), inbox.url);
      const env = { KONTOR_WEBHOOK_ALLOWED_ORIGINS: inbox.origin };
      const process = await besides(other, env);
      for (let n = 0; n < 5; n += 1) await anAlarm(other, partner.id);
      const lost = await inbox.message(1);
      process.served.child.kill('SIGKILL');
      await process.served.ended;
      const answered: string[] = [];
      inbox.reply = ({ id }) => {
        answered.push(id);
        return 204;
      };
      await asSystem(other, 'UPDATE webhook_delivery SET due_at = now() WHERE epoch > 0');
      await other.app.start();
      await until(() => new Set(answered).size === 5);
      expect(answered).toContain(lost.id);
      const reader = await other.signIn(user.email);
      await until(
        async () => (await deliveriesOf(other, reader, hook.id, 'DELIVERED')).length === 5,
      );
      const found = await deliveriesOf(other, reader, hook.id);
      expect(found.map(({ messageId }) => messageId).sort()).toEqual([...answered].sort());
    } finally {
      await other.stop();
      await inbox.close();
    }
  });
});
