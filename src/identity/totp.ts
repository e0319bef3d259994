import { generateURI, verifySync } from 'otplib';

const STEP_SECONDS = 30;
const ISSUER = 'Kontor';
/** Stands in for the secret of an unknown user, so that a wrong code takes the same time. */
const NOBODY = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/**
 * The time step whose one-time password the code is, or null. A code lives for its own 30
 * seconds; that it is used once is for the caller to see to, by the step.
 */
export function matchingStep(secret: string | null, code: string, now: Date): number | null {
  const epoch = Math.floor(now.getTime() / 1000);
  const token = /^\d{6}$/.test(code) ? code : '000000';
  const { valid } = verifySync({ secret: secret ?? NOBODY, token, epoch, period: STEP_SECONDS });
  return valid && secret !== null && token === code ? Math.floor(epoch / STEP_SECONDS) : null;
}

/** The enrolment URI that an authenticator application reads from a QR code. */
export function enrolmentUri(secret: string, email: string): string {
  return generateURI({ issuer: ISSUER, label: email, secret, period: STEP_SECONDS });
}
