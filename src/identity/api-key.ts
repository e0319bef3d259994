const SHAPE = /^ktr_([a-z0-9]{12})_([\w-]{43})$/;

/** The longest life of an API key. */
export const API_KEY_DAYS = 365;

/** A key as an integration presents it. */
export interface ApiKeyParts {
  /** Names the key's row; no secret. */
  readonly prefix: string;
  /** 256 bit in base64url. */
  readonly secret: string;
}

/** The parts of an API key, or null for anything else. */
export function apiKeyParts(text: string): ApiKeyParts | null {
  const [, prefix, secret] = SHAPE.exec(text) ?? [];
  return prefix === undefined || secret === undefined ? null : { prefix, secret };
}

/** The key as it is shown once and sent from then on. */
export function apiKeyText({ prefix, secret }: ApiKeyParts): string {
  return `ktr_${prefix}_${secret}`;
}

/** Whether a key may end at this moment: after now, and within {@link API_KEY_DAYS} days. */
export function isApiKeyEnd(expiresAt: Date, now: Date): boolean {
  const life = expiresAt.getTime() - now.getTime();
  return life > 0 && life <= API_KEY_DAYS * 86_400_000;
}
