import { ACCESS_TOKEN_SECONDS, signAccessToken } from './access-token.js';
import type { KeyRing } from './key-ring.js';
import { signRefreshToken } from './refresh-token.service.js';
import type { SessionRow } from './session.store.js';

/** What a client keeps of a session. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
  readonly userId: number;
  readonly partnerId: number;
}

/** The tokens of a session at its present generation. */
export function tokensOf(ring: KeyRing, session: SessionRow, now: Date): Tokens {
  const { id: sessionId, userId, partnerId, generation, began } = session;
  return {
    accessToken: signAccessToken(ring, { userId, partnerId, sessionId }, now),
    refreshToken: signRefreshToken(ring, { partnerId, sessionId, generation }, began),
    expiresAt: new Date((Math.floor(now.getTime() / 1000) + ACCESS_TOKEN_SECONDS) * 1000),
    userId,
    partnerId,
  };
}
