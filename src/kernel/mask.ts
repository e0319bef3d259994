const HIDDEN = '****';
/** Country codes of one and of two digits; all others have three (ITU-T E.164). */
const SHORT_CODE = /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** How many digits the country code of E.164 digits has. */
export function countryCodeLength(digits: string): number {
  return SHORT_CODE.exec(digits)?.[0].length ?? Math.min(3, digits.length);
}

/**
 * A subscriber's number as those see it who may not see it whole: country code, up to three
 * digits, four asterisks whatever they stand for, and up to three last digits, as in
 * `+49 151 ****567`. At least four digits stay hidden; of a number too short for that all are.
 * Takes E.164 digits with or without the plus; what begins with 0 has no country code.
 */
export function maskNumber(number: string): string {
  const digits = number.replace(/\D/g, '');
  const national = digits.startsWith('0');
  const code = national ? '' : digits.slice(0, countryCodeLength(digits));
  const spare = digits.length - code.length - 4;
  if (spare <= 0) return HIDDEN;
  const last = Math.min(3, Math.ceil(spare / 2));
  const first = Math.min(3, spare - last);
  const shown = digits.slice(code.length, code.length + first);
  const begin = [national ? '' : `+${code}`, shown].filter((part) => part !== '').join(' ');
  return `${begin} ${HIDDEN}${digits.slice(-last)}`.trimStart();
}

const NUMBER_IN_TEXT = /\+?\d(?:[ ()/.-]{0,2}\d){6,}/g;
const CIVIL_DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Free text with whatever may be a telephone number in it masked: any seven or more digits, with
 * the signs between them that people write. Dates like 2026-10-01 stay.
 */
export function maskNumbersIn(text: string): string {
  return text.replace(NUMBER_IN_TEXT, (found) =>
    CIVIL_DATE.test(found) ? found : maskNumber(found),
  );
}
