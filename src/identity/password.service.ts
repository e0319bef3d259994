import { hash, verify } from '@node-rs/argon2';
import { DomainError } from '../kernel/index.js';

// OWASP's parameters for argon2id; each verification takes 19 MiB for some 30 ms.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const MIN_LENGTH = 12;
const MAX_LENGTH = 128;
const AT_ONCE = 4;

/** A hash that no password has, so that an unknown user costs what a known one costs. */
const NOBODY = `$argon2id$v=19$m=19456,t=2,p=1$a29udG9yLW5vYm9keS0wMA$${'A'.repeat(43)}`;

let running = 0;
const waiting: (() => void)[] = [];

/** Hashes a new password. Refuses with PASSWORD_TOO_WEAK one that is too short. */
export async function hashPassword(password: string): Promise<string> {
  const plain = password.normalize('NFKC');
  if (plain.length < MIN_LENGTH || plain.length > MAX_LENGTH || new Set(plain).size < 5) {
    throw new DomainError(
      'PASSWORD_TOO_WEAK',
      `A password has ${MIN_LENGTH} to ${MAX_LENGTH} characters, five of them different.`,
      { minimum: MIN_LENGTH, maximum: MAX_LENGTH },
    );
  }
  return atMost(() => hash(plain, OPTIONS));
}

/** Whether the password has this hash; null, for an unknown user, takes as long and is false. */
export async function verifyPassword(passwordHash: string | null, given: string): Promise<boolean> {
  const plain = given.slice(0, MAX_LENGTH + 1).normalize('NFKC');
  const same = await atMost(() => verify(passwordHash ?? NOBODY, plain));
  return same && passwordHash !== null;
}

// Forty at once took four seconds and a gigabyte: the queue keeps sign-in from starving the rest.
async function atMost<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
