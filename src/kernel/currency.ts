import { DomainError } from './errors.js';

/*
 * ISO 4217 list one, grouped by minor unit, as in force in November 2026 (BGN left with 2025).
 * Codes without a minor unit (metals, bond units, XSU, XUA, XTS, XXX) are left out because no
 * document can be made out in them. The one exception is XDR, the special drawing right in which
 * operators settle by the ITU's rules: ISO gives it no minor unit, and two decimals is the
 * custom of the trade.
 */
const codesByMinorUnits: readonly (readonly [number, string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD ' +
      'CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP ' +
      'GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD ' +
      'KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN ' +
      'NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK ' +
      'SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN ' +
      'UYU UZS VED VES WST XAD XCD XCG XDR YER ZAR ZMW ZWG',
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];

const minorUnitsByCode: ReadonlyMap<string, number> = new Map(
  codesByMinorUnits.flatMap(([units, list]) =>
    list.split(' ').map((code): [string, number] => [code, units]),
  ),
);

/** Every currency code that the system accepts, in alphabetical order. */
export const currencyCodes: readonly string[] = [...minorUnitsByCode.keys()].sort();

/** Whether the text is an active ISO 4217 code, in capitals. */
export function isCurrency(code: string): boolean {
  return minorUnitsByCode.has(code);
}

/**
 * The decimals of a currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
 * Refuses an unknown code with INVALID_CURRENCY.
 */
export function minorUnits(currency: string): number {
  const units = minorUnitsByCode.get(currency);
  if (units === undefined) {
    throw new DomainError('INVALID_CURRENCY', 'The currency is not an active ISO 4217 code.', {
      currency: currency.slice(0, 16),
    });
  }
  return units;
}
