/** A division of the week into named bands; minutes are counted from midnight. */
export interface ReferenceTimeProfile {
  readonly name: string;
  /** Name of the calendar on whose days the rules for holidays hold alone. */
  readonly holidays: string | null;
  readonly bands: readonly {
    readonly name: string;
    readonly rules: readonly {
      /** Bit 0 is Monday, bit 7 a holiday. */
      readonly weekdays: number;
      readonly fromMinute: number;
      readonly toMinute: number;
    }[];
  }[];
}

const WORKDAYS = 0b0011111;
const WEEKEND = 0b1100000;
const SATURDAY = 0b0100000;
const SUNDAY = 0b1000000;
const HOLIDAY = 0b10000000;
const ALL_DAYS = 0b1111111;
const DAY = 24 * 60;

/** The divisions of the week that sheets of the trade use. */
export const timeProfiles: readonly ReferenceTimeProfile[] = [
  {
    name: 'Peak 08-20',
    holidays: 'Germany',
    bands: peak(WORKDAYS, WEEKEND | HOLIDAY),
  },
  {
    name: 'Peak Mon-Sat 08-20, Berlin',
    holidays: 'Berlin',
    bands: peak(WORKDAYS | SATURDAY, SUNDAY | HOLIDAY),
  },
  {
    name: 'Business week',
    holidays: null,
    bands: [
      {
        name: 'Business',
        rules: [{ weekdays: WORKDAYS, fromMinute: 7 * 60, toMinute: 18 * 60 }],
      },
      {
        name: 'Evening',
        rules: [{ weekdays: WORKDAYS, fromMinute: 18 * 60, toMinute: DAY }],
      },
      {
        name: 'Night',
        rules: [{ weekdays: WORKDAYS, fromMinute: 0, toMinute: 7 * 60 }],
      },
      {
        name: 'Weekend',
        rules: [{ weekdays: WEEKEND, fromMinute: 0, toMinute: DAY }],
      },
    ],
  },
  {
    name: 'Flat',
    holidays: null,
    bands: [
      {
        name: 'Always',
        rules: [{ weekdays: ALL_DAYS, fromMinute: 0, toMinute: DAY }],
      },
    ],
  },
];

/** Peak on some days from eight to eight, off-peak in between and on the other days. */
function peak(weekdays: number, others: number): ReferenceTimeProfile['bands'] {
  return [
    { name: 'Peak', rules: [{ weekdays, fromMinute: 8 * 60, toMinute: 20 * 60 }] },
    {
      name: 'Off-peak',
      rules: [
        { weekdays, fromMinute: 0, toMinute: 8 * 60 },
        { weekdays, fromMinute: 20 * 60, toMinute: DAY },
        { weekdays: others, fromMinute: 0, toMinute: DAY },
      ],
    },
  ];
}
