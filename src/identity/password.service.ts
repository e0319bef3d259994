import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { DomainError } from '../kernel/index.js';
import { MOST_CHARACTERS, type PasswordRules, passwordFault } from './password-policy.js';

// OWASP's parameters for argon2id; each verification takes 19 MiB for some 30 ms.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** The runtime has four threads for all work of this kind; files and names need one, too. */
const AT_ONCE = Math.max(1, Math.min(3, availableParallelism()));
/** Strangers who may wait, some six seconds in all. */
const MOST_WAITING = 200;

/** A hash that no password has, so that an unknown user costs what a known one costs. */
const NOBODY = `$argon2id$v=19$m=19456,t=2,p=1$a29udG9yLW5vYm9keS0wMA$${'A'.repeat(43)}`;

/** Who waits: strangers, and those before them who are known already. */
type Standing = 'KNOWN' | 'STRANGER';

let running = 0;
const waiting: Readonly<Record<Standing, (() => void)[]>> = { KNOWN: [], STRANGER: [] };
let common: Promise<ReadonlySet<string>> | null = null;

/** Refuses with PASSWORD_TOO_WEAK a new password that breaks the policy; details say how. */
export async function demandGoodPassword(password: string, rules: PasswordRules): Promise<void> {
  common ??= readCommon();
  const reason = passwordFault(password, rules, await common);
  if (reason === null) return;
  throw new DomainError(
    'PASSWORD_TOO_WEAK',
    `A password has ${rules.least} to ${MOST_CHARACTERS} characters and is not tried first.`,
    { reason, minimum: rules.least, maximum: MOST_CHARACTERS },
  );
}

/** Hashes a password that was found good. */
export async function hashPassword(password: string): Promise<string> {
  return inTurn('KNOWN', () => hash(password.normalize('NFKC'), OPTIONS));
}

/**
 * Whether the password has this hash; null, for an unknown user, takes as long and is false.
 * Refuses with SIGN_IN_BUSY a stranger when too many wait.
 */
export async function verifyPassword(
  passwordHash: string | null,
  given: string,
  standing: Standing = 'STRANGER',
): Promise<boolean> {
  // Four bytes a character at most, as long as they are written in the widest way.
  const plain = given.slice(0, 4 * MOST_CHARACTERS).normalize('NFKC');
  const same = await inTurn(standing, () => verify(passwordHash ?? NOBODY, plain));
  return same && passwordHash !== null;
}

// Forty at once took four seconds and a gigabyte: the queue keeps sign-in from starving the rest,
// and its end keeps a flood from making everybody wait for minutes.
async function inTurn<T>(standing: Standing, work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) {
    const queue = waiting[standing];
    if (standing === 'STRANGER' && queue.length >= MOST_WAITING) {
      throw new DomainError('SIGN_IN_BUSY', 'Too many sign in at this moment; try again.');
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  } else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.KNOWN.shift() ?? waiting.STRANGER.shift();
    if (next) next();
    else running -= 1;
  }
}

// Some megabytes that only those need who choose a password.
async function readCommon(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common'].map((one) => String(one).toLowerCase()));
}
