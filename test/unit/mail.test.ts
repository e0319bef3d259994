import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type MailKind, mailText } from '../../src/identity/mail-text.js';
import { buildMailer, createLog } from '../../src/platform/index.js';
import { type SmtpServer, smtpServer } from '../fixtures/smtp-server.js';

const MAIL = { to: 'ada@example.com', subject: 'Grüße', text: 'Hello Ada,\n\n.\n\ngood bye' };
const KINDS: readonly MailKind[] = [
  'INVITATION',
  'RESET',
  'PASSWORD_CHANGED',
  'TOTP_ENROLLED',
  'TOTP_REMOVED',
  'RECOVERY_CODE_USED',
  'RECOVERY_CODES_RENEWED',
];

let server: SmtpServer | null = null;
let dataDir: string | null = null;
const said: string[] = [];

afterEach(async () => {
  await server?.close();
  server = null;
  if (dataDir !== null) rmSync(dataDir, { recursive: true });
  dataDir = null;
  said.length = 0;
});

function mailer(smtpUrl?: string) {
  dataDir = mkdtempSync(join(tmpdir(), 'kontor-mail-'));
  const log = createLog({ level: 'info', destination: { write: (line) => said.push(line) } });
  return buildMailer({ smtpUrl, from: 'kontor@example.com', dataDir, log });
}

describe('a mail', () => {
  it('goes to the server, from the sender to the one address', async () => {
    server = await smtpServer();
    const post = mailer(server.url);
    await post.send(MAIL);
    await post.send({ ...MAIL, to: 'Ada <ada@example.com>, eve@example.com' }).catch(() => null);
    post.close();
    const [first, ...others] = server.received;
    expect(first).toMatchObject({ from: 'kontor@example.com', to: ['ada@example.com'] });
    expect(first?.text).toContain('Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=');
    expect(first?.text).toContain('Hello Ada,');
    expect(others.flatMap(({ to }) => to)).not.toContain('eve@example.com');
  });

  it('is tried again when the server refuses it', async () => {
    server = await smtpServer({ refuse: true });
    const post = mailer(server.url);
    await expect(post.send(MAIL)).rejects.toThrow();
    post.close();
  });

  it('is not sent in the clear to a server on another machine', async () => {
    // Not an address by which this machine is known as itself.
    server = await smtpServer({ host: '127.0.0.2' });
    const post = mailer(server.url);
    await expect(post.send(MAIL)).rejects.toThrow(/STARTTLS|TLS/i);
    post.close();
    expect(server.received).toEqual([]);
  });

  it('is written to a file of its owner when there is no server, which the log says', async () => {
    const post = mailer();
    expect(said.join('')).toContain('no mail server configured');
    await post.send(MAIL);
    post.close();
    const folder = join(dataDir ?? '', 'mail');
    const [name = '', ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(folder, name), 'utf8')).toContain('To: ada@example.com');
    expect(said.join('')).not.toContain('ada@example.com');
  });
});

describe('the text of a mail', () => {
  const facts = { name: 'Ada', partner: 'Hub', token: 'kp1.1.secret', minutes: 30 };

  it('is there for every kind in every language, with all that it should hold', () => {
    for (const kind of KINDS) {
      const texts = ['en', 'de'].map((language) => mailText(kind, facts, language));
      expect(new Set(texts.map(({ subject }) => subject)).size).toBe(2);
      for (const { subject, text } of texts) {
        expect(`${subject} ${text}`).not.toMatch(/[{}]/);
        expect(text).toContain('Ada');
        const isLink = kind === 'RESET' || kind === 'INVITATION';
        expect(text.includes('kp1.1.secret')).toBe(isLink);
      }
    }
    expect(mailText('RESET', facts, 'en').text).toContain('within 30 minutes');
    expect(mailText('INVITATION', { ...facts, minutes: 4320 }, 'en').text).toContain('3 days');
  });

  it('is English where there is no other', () => {
    const english = mailText('RESET', facts, 'en');
    expect(mailText('RESET', facts, 'fi')).toEqual(english);
    expect(mailText('RESET', facts, 'constructor')).toEqual(english);
    expect(mailText('RESET', facts, 'de-AT')).toEqual(mailText('RESET', facts, 'de'));
  });

  it('takes no words from names', () => {
    const odd = { ...facts, name: '{token}', partner: '{minutes}' };
    expect(mailText('PASSWORD_CHANGED', odd, 'en').text).not.toContain('kp1.1.secret');
  });
});
