import { DomainError } from '../kernel/index.js';
import type { Viewer } from '../platform/index.js';
import { beyondReach, dangerousAmong, unknownPermissions } from './permission.js';

/** Refuses with PERMISSION_NOT_HELD unless the viewer holds all that changes. */
export function demandReach(
  viewer: Viewer,
  before: readonly string[],
  after: readonly string[],
): void {
  const missing = beyondReach(viewer.permissions, before, after);
  if (missing.length === 0) return;
  throw new DomainError(
    'PERMISSION_NOT_HELD',
    `You do not hold ${missing.join(', ')} and can neither give nor take it.`,
    { permissions: missing },
  );
}

/** The names sorted and each once; refuses with UNKNOWN_PERMISSION those that are none. */
export function knownPermissions(names: readonly string[]): string[] {
  const wanted = [...new Set(names)].sort();
  const unknown = unknownPermissions(wanted);
  if (unknown.length === 0) return wanted;
  const list = unknown.join(', ').slice(0, 200);
  throw new DomainError('UNKNOWN_PERMISSION', `There is no permission ${list}.`, { unknown });
}

/** Refuses with TOTP_REQUIRED a role without one-time passwords that permits what needs them. */
export function demandTotp(requiresTotp: boolean, permissions: readonly string[]): void {
  const dangerous = requiresTotp ? [] : dangerousAmong(permissions);
  if (dangerous.length === 0) return;
  throw new DomainError(
    'TOTP_REQUIRED',
    `A role with ${dangerous.join(', ')} demands one-time passwords.`,
    { permissions: dangerous },
  );
}
