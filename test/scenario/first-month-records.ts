// The records of the first month with their amounts, worked out by hand.

// Numbers that call, and numbers that are called.
const RECEPTION = '4930111222';
const OFFICE = '4930200017';
const LAST_OFFICE = '4930200999';
const WORKSHOP = '4930333444';
const NOBODY = '4930999000';
const GERMANY = '4940123456';
const FRANCE = '33123456789';
const MOBILE = '33612345678';
const POLAND = '48221234567';
const BRITAIN = '441234567890';

// How the amounts of 61 s follow, from the prices in first-month-world.ts:
//   carrier to hub       per second, to 8 decimals
//   hub to North         base list less 20 %, 60/60: 120 s
//   North to Fjord       base list plus 0.005, 30/6: 30 + 6 * 6 = 66 s, to 3 decimals, half to even
//   Fjord to Shipyard    60/60: 120 s, to 4 decimals
// France mobile, peak:   0.03 * 61 / 60; 0.15 * 80 % * 2; 0.155 * 66 / 60 = 0.1705; 0.36 * 2
const PEAK = ['0.03050000', '0.24000000', '0.17000000', '0.72000000'];
// France mobile, else:   the same; 0.12 * 80 % * 2; the same; 0.30 * 2
const OTHER = ['0.03050000', '0.19200000', '0.17000000', '0.60000000'];
// Germany:               0.012 * 61 / 60; 0.05 * 80 % * 2; 0.065 * 66 / 60 = 0.0715;
//                        0.05 + 0.09 * 2
const HOME = ['0.01220000', '0.08000000', '0.07200000', '0.23000000'];
// Poland, 100 s:         0.0211 * 100 / 60 = 0.035166...; North's own 0.0333 by the second hides
//                        the base list: 0.0333 * 100 / 60; 30 + 12 * 6 = 102 s:
//                        0.055 * 1.7 = 0.0935; 0.10 * 100 / 60 = 0.16666...
const POLISH = ['0.03516667', '0.05550000', '0.09400000', '0.16670000'];
const NOTHING = ['0.00000000', '0.00000000', '0.00000000', '0.00000000'];

/** A record with its amounts from the carrier down to the customer. */
export type Expected = readonly [at: string, from: string, to: string, seconds: string, string[]];

export const PLAIN = `record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk
a1,voice,2026-10-23T06:30:00Z,030111222,+${MOBILE},61,,OUT-OSTSEE
a2,voice,2026-10-23T15:59:59Z,030111222,+${MOBILE},61,,OUT-OSTSEE
a3,voice,2026-10-23T16:00:00Z,030111222,+${MOBILE},61,,OUT-OSTSEE
a4,voice,2026-10-26T06:30:00Z,030111222,+${MOBILE},61,,OUT-OSTSEE
a5,voice,2026-10-26T16:30:00Z,030200017,+${MOBILE},61,,OUT-OSTSEE
a6,voice,2026-10-25T00:30:00Z,030200999,040123456,61,,OUT-OSTSEE
a7,voice,2026-10-06T10:00:00Z,030111222,0033123456789,20,,OUT-OSTSEE
a8,voice,2026-10-06T10:05:00Z,030111222,0033123456789,3,,OUT-OSTSEE
a9,voice,2026-10-07T10:00:00Z,030333444,+${POLAND},100,,OUT-OSTSEE
a2,voice,2026-10-23T15:59:59Z,030111222,+${MOBILE},61,,OUT-OSTSEE
a10,voice,2026-10-08T10:00:00Z,030111222,+${BRITAIN},61,,OUT-OSTSEE
a11,voice,half a line
a13,voice,2026-10-31T22:59:59Z,030111222,040123456,61,,OUT-OSTSEE
a14,voice,2026-10-31T23:00:00Z,030111222,040123456,61,,OUT-OSTSEE
a15,voice,2026-10-23T10:00:00Z,030333444,+${MOBILE},260,,OUT-OSTSEE
`;
export const PLAIN_RATED: readonly Expected[] = [
  // France, 20 s: 0.018 / 3; 0.06 * 80 %; 0.07 / 3 = 0.023333...; 30 s at least: 0.20 / 2.
  [
    '2026-10-06T10:00:00.000Z',
    RECEPTION,
    FRANCE,
    '20',
    ['0.00600000', '0.04800000', '0.02300000', '0.10000000'],
  ],
  // 3 s: 0.018 / 20; a whole minute; 0.07 / 20 = 0.0035; Fjord forgives up to 3 s.
  [
    '2026-10-06T10:05:00.000Z',
    RECEPTION,
    FRANCE,
    '3',
    ['0.00090000', '0.04800000', '0.00400000', '0.00000000'],
  ],
  ['2026-10-07T10:00:00.000Z', WORKSHOP, POLAND, '100', POLISH],
  // Half past eight in the morning, summer time.
  ['2026-10-23T06:30:00.000Z', RECEPTION, MOBILE, '61', PEAK],
  // Noon, 260 s: 0.03 * 260 / 60; 0.12 * 5; 30 + 39 * 6 = 264 s: 0.155 * 4.4; 0.36 * 5.
  [
    '2026-10-23T10:00:00.000Z',
    WORKSHOP,
    MOBILE,
    '260',
    ['0.13000000', '0.60000000', '0.68200000', '1.80000000'],
  ],
  // A second before six in the evening, and six.
  ['2026-10-23T15:59:59.000Z', RECEPTION, MOBILE, '61', PEAK],
  ['2026-10-23T16:00:00.000Z', RECEPTION, MOBILE, '61', OTHER],
  ['2026-10-25T00:30:00.000Z', LAST_OFFICE, GERMANY, '61', HOME],
  // Winter time: the same instants of the day are half past seven, and half past five.
  ['2026-10-26T06:30:00.000Z', RECEPTION, MOBILE, '61', OTHER],
  ['2026-10-26T16:30:00.000Z', OFFICE, MOBILE, '61', PEAK],
  // The last second of October in Berlin, and the first of November.
  ['2026-10-31T22:59:59.000Z', RECEPTION, GERMANY, '61', HOME],
  ['2026-10-31T23:00:00.000Z', RECEPTION, GERMANY, '61', HOME],
];

function leg(from: string, to: string, answer: string, seconds: number, end: string): string {
  return (
    `"","+${from}","011${to}","office","","SIP/1","SIP/2","Dial","","2026-10-24 10:59:00",` +
    `"${answer}","2026-10-25 04:00:00",${seconds + 9},${seconds},"${end}","DOCUMENTATION","1.1",""\n`
  );
}
export const ASTERISK =
  leg(WORKSHOP, FRANCE, '2026-10-24 11:00:00', 41, 'ANSWERED') +
  leg(WORKSHOP, FRANCE, '2026-10-24 11:00:00', 41, 'ANSWERED') +
  leg(OFFICE, GERMANY, '', 0, 'NO ANSWER') +
  leg(OFFICE, GERMANY, '2026-10-25 02:30:00', 61, 'ANSWERED') +
  leg(OFFICE, GERMANY, '2026-10-25 03:00:00', 7, 'ANSWERED') +
  '"",broken\n';
export const ASTERISK_RATED: readonly Expected[] = [
  ['2026-10-24T08:59:00.000Z', OFFICE, GERMANY, '0', NOTHING],
  // France, 41 s: 0.018 * 41 / 60; a whole minute; 0.07 * 41 / 60 = 0.04783...; 0.20 * 41 / 60 =
  // 0.136666...
  [
    '2026-10-24T09:00:00.000Z',
    WORKSHOP,
    FRANCE,
    '41',
    ['0.01230000', '0.04800000', '0.04800000', '0.13670000'],
  ],
  // The clock shows half past two twice; it is read as the first time, still summer.
  ['2026-10-25T00:30:00.000Z', OFFICE, GERMANY, '61', HOME],
  // 7 s after the change: 0.012 * 7 / 60; 0.04; 30 s: 0.065 / 2 = 0.0325; 0.05 + 0.09.
  [
    '2026-10-25T02:00:00.000Z',
    OFFICE,
    GERMANY,
    '7',
    ['0.00140000', '0.04000000', '0.03200000', '0.14000000'],
  ],
];

function switched(n: number, at: string, to: string, ms: number, cause = 16, trunk = 'PBX-1') {
  return `sw1;${n};1;${at};${at};${at};${NOBODY};${to};${trunk};OUT-OSTSEE;${ms};${cause}\n`;
}
export const SWITCH =
  '# sw1, first delivery\n' +
  switched(1, '20260930235959', GERMANY, 60_001) +
  switched(2, '20261005120000', POLAND, 100_000) +
  switched(3, '20261005121000', GERMANY, 0, 17) +
  switched(2, '20261005120000', POLAND, 100_000) +
  switched(4, '20261005123000', GERMANY, 9_000, 16, 'UNKNOWN-7') +
  'sw1;6;short\n';
export const SWITCH_RATED: readonly Expected[] = [
  // A record of September that comes late; 60.001 s count as 61.
  ['2026-09-30T21:59:59.000Z', NOBODY, GERMANY, '61', HOME],
  ['2026-10-05T10:00:00.000Z', NOBODY, POLAND, '100', POLISH],
  ['2026-10-05T10:10:00.000Z', NOBODY, GERMANY, '0', NOTHING],
];

// After October has been billed: a1 again, and one more call of October.
export const LATE = `record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk
a1,voice,2026-10-23T06:30:00Z,030111222,+${MOBILE},61,,OUT-OSTSEE
d1,voice,2026-10-23T16:00:01Z,030111222,+${MOBILE},61,,OUT-OSTSEE
`;
