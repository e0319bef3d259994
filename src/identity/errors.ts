import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of sign-in, users and roles. */
export const identityErrors = {
  NOT_HUB: 'This is for those who act at the hub.',
  SIGN_IN_REFUSED: 'The e-mail address, the password or the one-time password is wrong.',
  SIGN_IN_THROTTLED: 'Too many attempts; details say after how many seconds to try again.',
  SIGN_IN_LOCKED:
    'A hundred attempts have failed in a row; a known device or a new password opens again.',
  SIGN_IN_BUSY: 'Too many sign in at this moment; try again in a few seconds.',
  ENROLMENT_REQUIRED: 'The password is right, but an authenticator has to be enrolled first.',
  ENROLMENT_REFUSED:
    'The first code is wrong, or the enrolment is over or was followed by another.',
  PASSWORD_REFUSED: 'The old password is wrong.',
  RESET_REFUSED: 'The token for a new password is wrong, was used, or is over.',
  STEP_UP_REFUSED: 'The one-time password of the step-up is wrong, or was used before.',
  REFRESH_REFUSED: 'The refresh token is not valid, or its session has ended.',
  UNKNOWN_PERMISSION: 'There is no permission of this name.',
  PERMISSION_NOT_HELD: 'Nobody can give or take a permission that he does not hold himself.',
  TOTP_REQUIRED: 'A role with these permissions demands one-time passwords; details name them.',
  ROLE_NAME_TAKEN: 'The partner has a role of this name.',
  ROLE_OF_OTHER_PARTNER: "A user can have roles of the user's own partner only.",
  ROLE_OUT_OF_SUBTREE: "A role is given at the user's own partner or at one below it.",
  ROLE_IN_USE: 'Somebody still has the role.',
  LAST_ADMINISTRATOR:
    'The hub, and the own partner, keep an active user who manages roles and users.',
  API_KEY_LIFE_INVALID: 'An API key ends in the future and within 365 days.',
  TOO_MANY_API_KEYS: 'A user has at most 50 living API keys.',
  EMAIL_TAKEN: 'Another user signs in with this e-mail address.',
  PASSWORD_TOO_WEAK:
    'The password is too short or long, or is one that is tried first; details say which.',
} as const satisfies ErrorCatalogue;
