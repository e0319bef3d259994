import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of sign-in, users and roles. */
export const identityErrors = {
  SIGN_IN_REFUSED: 'The e-mail address, the password or the one-time password is wrong.',
  SIGN_IN_THROTTLED: 'Too many attempts; details say after how many seconds to try again.',
  STEP_UP_REFUSED: 'The one-time password of the step-up is wrong, or was used before.',
  REFRESH_REFUSED: 'The refresh token is not valid, or its session has ended.',
  UNKNOWN_PERMISSION: 'There is no permission of this name.',
  PERMISSION_NOT_HELD: 'Nobody can give or take a permission that he does not hold himself.',
  ROLE_NAME_TAKEN: 'The partner has a role of this name.',
  ROLE_OF_OTHER_PARTNER: "A user can have roles of the user's own partner only.",
  ROLE_OUT_OF_SUBTREE: "A role is given at the user's own partner or at one below it.",
  ROLE_IN_USE: 'Somebody still has the role.',
  LAST_ADMINISTRATOR:
    'The hub, and the own partner, keep an active user who manages roles and users.',
  API_KEY_LIFE_INVALID: 'An API key ends in the future and within 365 days.',
  TOO_MANY_API_KEYS: 'A user has at most 50 living API keys.',
  EMAIL_TAKEN: 'Another user signs in with this e-mail address.',
  PASSWORD_TOO_WEAK: 'The password is too short, or is one of those that are tried first.',
} as const satisfies ErrorCatalogue;
