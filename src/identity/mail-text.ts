/** Tells a user that something about his sign-in has changed. */
export type Notice =
  | 'PASSWORD_CHANGED'
  | 'TOTP_ENROLLED'
  | 'TOTP_REMOVED'
  | 'RECOVERY_CODE_USED'
  | 'RECOVERY_CODES_RENEWED';

/** What a mail is about: a notice, or a way to choose a password. */
export type MailKind = Notice | 'INVITATION' | 'RESET';

/** What stands in a mail besides its fixed words. */
export interface MailFacts {
  readonly name: string;
  readonly partner: string;
  /** Address of the portal's page with the token in it, or the token alone. */
  readonly token?: string;
  readonly minutes?: number;
}

type Words = Readonly<Record<MailKind, readonly [subject: string, text: string]>>;

/** A mail in the partner's language; English where there is none in it. */
export function mailText(
  kind: MailKind,
  facts: MailFacts,
  language: string,
): { readonly subject: string; readonly text: string } {
  const { hello, warning, words } = LANGUAGES.get(language.slice(0, 2)) ?? ENGLISH;
  const [subject, body] = words[kind];
  const isLink = kind === 'RESET' || kind === 'INVITATION';
  const parts = [`${hello} ${facts.name},`, filled(body, facts), ...(isLink ? [] : [warning])];
  return { subject: filled(subject, facts), text: `${parts.join('\n\n')}\n\n-- \nKontor\n` };
}

// In one pass, so that a name with braces in it stays a name.
function filled(text: string, facts: MailFacts): string {
  const { partner, token = '', minutes = 0 } = facts;
  const values: Readonly<Record<string, string>> = {
    partner,
    token,
    minutes: String(minutes),
    days: String(Math.round(minutes / 1440)),
  };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

interface Language {
  readonly hello: string;
  readonly warning: string;
  readonly words: Words;
}

const ENGLISH: Language = {
  hello: 'Hello',
  warning: 'If that was not you, tell your administrator at once and choose a new password.',
  words: {
    INVITATION: [
      'Your account with {partner}',
      'You have an account in Kontor for {partner}. Choose your password within {days} days:\n\n' +
        '{token}\n\nAt the first sign-in you enrol an authenticator application.',
    ],
    RESET: [
      'Choose a new password',
      'Somebody, most likely you, asked for a new password. Choose it within {minutes} minutes:' +
        '\n\n{token}\n\nOne-time passwords stay as they are. If it was not you, do nothing.',
    ],
    PASSWORD_CHANGED: [
      'Your password was changed',
      'The password of your account was changed. All other sessions have ended.',
    ],
    TOTP_ENROLLED: [
      'An authenticator was enrolled',
      'An authenticator was enrolled for your account. All other sessions have ended, and ' +
        'recovery codes from before are void.',
    ],
    TOTP_REMOVED: [
      'Your authenticator was removed',
      'An administrator has removed the authenticator of your account, and its recovery codes. ' +
        'You enrol a new one at the next sign-in.',
    ],
    RECOVERY_CODE_USED: [
      'A recovery code was used',
      'A recovery code of your account was used. Each works once.',
    ],
    RECOVERY_CODES_RENEWED: [
      'You have new recovery codes',
      'New recovery codes were made for your account. Those from before are void.',
    ],
  },
};

const GERMAN: Language = {
  hello: 'Guten Tag',
  warning:
    'Falls Sie das nicht waren, sagen Sie es sofort Ihrem Administrator und wählen Sie ein neues ' +
    'Passwort.',
  words: {
    INVITATION: [
      'Ihr Konto bei {partner}',
      'Sie haben in Kontor ein Konto für {partner}. Wählen Sie innerhalb von {days} Tagen Ihr ' +
        'Passwort:\n\n{token}\n\nBei der ersten Anmeldung richten Sie eine Authenticator-App ein.',
    ],
    RESET: [
      'Neues Passwort wählen',
      'Jemand, vermutlich Sie, hat um ein neues Passwort gebeten. Wählen Sie es innerhalb von ' +
        '{minutes} Minuten:\n\n{token}\n\nDie Einmalpasswörter bleiben, wie sie sind. Falls Sie ' +
        'das nicht waren, brauchen Sie nichts zu tun.',
    ],
    PASSWORD_CHANGED: [
      'Ihr Passwort wurde geändert',
      'Das Passwort Ihres Kontos wurde geändert. Alle anderen Sitzungen sind beendet.',
    ],
    TOTP_ENROLLED: [
      'Ein Authenticator wurde eingerichtet',
      'Für Ihr Konto wurde ein Authenticator eingerichtet. Alle anderen Sitzungen sind beendet, ' +
        'frühere Wiederherstellungscodes gelten nicht mehr.',
    ],
    TOTP_REMOVED: [
      'Ihr Authenticator wurde entfernt',
      'Ein Administrator hat den Authenticator Ihres Kontos und die Wiederherstellungscodes ' +
        'entfernt. Bei der nächsten Anmeldung richten Sie einen neuen ein.',
    ],
    RECOVERY_CODE_USED: [
      'Ein Wiederherstellungscode wurde benutzt',
      'Ein Wiederherstellungscode Ihres Kontos wurde benutzt. Jeder gilt einmal.',
    ],
    RECOVERY_CODES_RENEWED: [
      'Sie haben neue Wiederherstellungscodes',
      'Für Ihr Konto wurden neue Wiederherstellungscodes erzeugt. Die früheren gelten nicht mehr.',
    ],
  },
};

const LANGUAGES = new Map<string, Language>([
  ['en', ENGLISH],
  ['de', GERMAN],
]);
