import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type nodemailer from 'nodemailer';
import type { Log } from './log.service.js';

/** A mail in plain text. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Hands mails over to whoever delivers them. */
export interface Mailer {
  /** Resolves when the mail was accepted; rejects when it should be tried again. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

export interface MailerOptions {
  /** `smtp://` or `smtps://` with user and password; undefined writes mails to files. */
  readonly smtpUrl: string | undefined;
  /** Address that mails come from. */
  readonly from: string;
  readonly dataDir: string;
  readonly log: Log;
}

const CONNECT_MS = 10_000;
const SILENCE_MS = 20_000;
const FOLDER = 'mail';

/**
 * Sends by SMTP, encrypted unless the server stands on this machine. Without a server it writes
 * each mail to a file of its own below the data directory, readable by its owner only.
 */
export function buildMailer(options: MailerOptions): Mailer {
  const { smtpUrl, from, dataDir, log } = options;
  return smtpUrl === undefined ? toFiles(from, dataDir, log) : bySmtp(smtpUrl, from);
}

/**
 * Opens a transport for the first mail: most processes send none and need no such library. What
 * could not be opened is tried again with the next mail.
 */
function late<T extends { close(): void }>(make: (library: typeof nodemailer) => T) {
  let transport: Promise<T> | undefined;
  return {
    opened: (): Promise<T> => {
      transport ??= load()
        .then(make)
        .catch((error: unknown) => {
          transport = undefined;
          throw error;
        });
      return transport;
    },
    close: (): void => {
      transport?.then(
        (opened) => opened.close(),
        () => {},
      );
    },
  };
}

async function load(): Promise<typeof nodemailer> {
  return await import('nodemailer');
}

function bySmtp(url: string, from: string): Mailer {
  const { hostname, protocol } = new URL(url);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const transport = late(({ createTransport }) =>
    createTransport(
      {
        url,
        requireTLS: protocol === 'smtp:' && !isLocal,
        connectionTimeout: CONNECT_MS,
        greetingTimeout: CONNECT_MS,
        socketTimeout: SILENCE_MS,
        disableFileAccess: true,
        disableUrlAccess: true,
      },
      { from },
    ),
  );
  return {
    send: async ({ to, subject, text }) => {
      await (await transport.opened()).sendMail({ to: { name: '', address: to }, subject, text });
    },
    close: () => transport.close(),
  };
}

function toFiles(from: string, dataDir: string, log: Log): Mailer {
  const folder = join(dataDir, FOLDER);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  log.warning('no mail server configured', { reason: 'KONTOR_SMTP_URL is not set' });
  const transport = late(({ createTransport }) =>
    createTransport(
      {
        streamTransport: true,
        buffer: true,
        newline: 'unix',
        disableFileAccess: true,
        disableUrlAccess: true,
      },
      { from },
    ),
  );
  return {
    send: async ({ to, subject, text }) => {
      const mail = { to: { name: '', address: to }, subject, text };
      const sent = await (await transport.opened()).sendMail(mail);
      const name = `${new Date().toISOString().replace(/[:.]/g, '-')}-${randomUUID()}.eml`;
      const draft = join(folder, `.${name}`);
      await writeFile(draft, sent.message as Buffer, { mode: 0o600, flag: 'wx' });
      await rename(draft, join(folder, name));
      log.event('mail written to a file', { kind: name });
    },
    close: () => transport.close(),
  };
}
