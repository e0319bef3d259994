import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const DEVICE_DAYS = 180;
const shape = /^kd1\.([1-9]\d{0,9})\.([0-9a-f-]{36})\.(\d{1,11})\.([\w-]{43})$/;

/** A device on which a user has signed in. */
export interface DeviceClaims {
  readonly userId: number;
  readonly deviceId: string;
  readonly since: Date;
}

/**
 * A token by which a device is known again when its user signs in the next time. It proves
 * nothing about the user and opens nothing: attempts from a known device are counted apart, so
 * that whoever guesses elsewhere cannot shut the user out.
 */
export function signDeviceToken(key: Uint8Array, claims: DeviceClaims): string {
  const seconds = Math.floor(claims.since.getTime() / 1000);
  const text = `kd1.${claims.userId}.${claims.deviceId}.${seconds}`;
  const mac = createHmac('sha256', derivedKey(key)).update(text);
  return `${text}.${mac.digest('base64url')}`;
}

/** The claims of a token made by {@link signDeviceToken} less than 180 days ago, else null. */
export function verifyDeviceToken(key: Uint8Array, token: string, now: Date): DeviceClaims | null {
  const parts = token.length <= 256 ? shape.exec(token) : null;
  if (parts === null) return null;
  const since = new Date(Number(parts[3]) * 1000);
  const claims = { userId: Number(parts[1]), deviceId: String(parts[2]), since };
  const expected = Buffer.from(signDeviceToken(key, claims));
  const given = Buffer.from(token);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  return since.getTime() + DEVICE_DAYS * 86_400_000 > now.getTime() ? claims : null;
}

// From the key of secrets, which is not rotated: a known device outlives the keys of tokens.
function derivedKey(key: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'kontor device token', 32));
}
