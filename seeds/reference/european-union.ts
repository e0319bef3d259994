import { dialCountries } from './country-codes.js';

// Member states since 1 February 2020 (Treaty on European Union, Article 52, less Article 50).
const MEMBERS = new Set(
  `AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK`.split(' '),
);

/** Country codes of numbers of the European Union. */
export const unionCodes: readonly string[] = codesOf((country) => MEMBERS.has(country));

/** Country codes of numbers of all other countries. */
export const thirdCountryCodes: readonly string[] = codesOf((country) => !MEMBERS.has(country));

function codesOf(wanted: (country: string) => boolean): string[] {
  return dialCountries
    .filter(({ country }) => country !== null && wanted(country))
    .flatMap(({ codes }) => codes);
}
