/** Characters that a password has at least where a one-time password is asked for as well. */
export const LEAST_WITH_TOTP = 8;
/** Characters that a password has at least where it stands alone. */
export const LEAST_ALONE = 15;
export const MOST_CHARACTERS = 128;
/** Characters that must be left when the words that everybody would try are taken out. */
const LEFT_OVER = 4;
const LEAST_DIFFERENT = 5;

/** What is wrong with a new password. */
export type PasswordFault = 'SHORT' | 'LONG' | 'COMMON' | 'PREDICTABLE';

/** What a new password is measured against. */
export interface PasswordRules {
  /** Characters that it has at least. */
  readonly least: number;
  /** Words that whoever knows the user would try: his address, names, the service. */
  readonly words: readonly string[];
}

/**
 * What is wrong with a new password, or null. Length counts, kinds of characters do not; refused
 * is what is tried first: passwords that many have, also with digits or signs put around them,
 * runs and repetitions, and what is little more than the names that belong to the user.
 */
export function passwordFault(
  password: string,
  rules: PasswordRules,
  common: ReadonlySet<string>,
): PasswordFault | null {
  const plain = password.normalize('NFKC');
  const characters = [...plain];
  if (characters.length < rules.least) return 'SHORT';
  if (characters.length > MOST_CHARACTERS) return 'LONG';
  const small = plain.toLowerCase();
  if (common.has(small)) return 'COMMON';
  const core = /\p{L}(?:.*\p{L})?/su.exec(small)?.[0] ?? '';
  if (common.has(core) && characters.length - core.length < 8) return 'COMMON';
  if (new Set(characters).size < LEAST_DIFFERENT || isRun(characters)) return 'PREDICTABLE';
  return isMadeOf(small, rules.words) ? 'PREDICTABLE' : null;
}

function isRun(characters: readonly string[]): boolean {
  const steps = characters
    .slice(1)
    .map((one, at) => (one.codePointAt(0) ?? 0) - (characters[at]?.codePointAt(0) ?? 0));
  return steps.every((step) => step === steps[0]) && Math.abs(steps[0] ?? 0) <= 1;
}

function isMadeOf(password: string, words: readonly string[]): boolean {
  const parts = words
    .flatMap((word) => [word, ...word.split(/[^\p{L}\p{N}]+/u)])
    .map((word) => word.toLowerCase())
    .filter((word) => word.length >= 3)
    .sort((a, b) => b.length - a.length);
  let rest = password;
  for (const part of parts) rest = rest.replaceAll(part, '');
  const left = [...rest].filter((one) => /\p{L}|\p{N}/u.test(one));
  return rest !== password && left.length < LEFT_OVER;
}
