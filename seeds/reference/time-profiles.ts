/** A division of the week into named bands; minutes are counted from midnight. */
export interface ReferenceTimeProfile {
  readonly name: string;
  readonly bands: readonly {
    readonly name: string;
    readonly rules: readonly {
      /** Bit 0 is Monday. */
      readonly weekdays: number;
      readonly fromMinute: number;
      readonly toMinute: number;
    }[];
  }[];
}

const WORKDAYS = 0b0011111;
const WEEKEND = 0b1100000;
const ALL_DAYS = 0b1111111;
const DAY = 24 * 60;

/** The divisions of the week that sheets of the trade use. */
export const timeProfiles: readonly ReferenceTimeProfile[] = [
  {
    name: 'Peak 08-20',
    bands: [
      {
        name: 'Peak',
        rules: [{ weekdays: WORKDAYS, fromMinute: 8 * 60, toMinute: 20 * 60 }],
      },
      {
        name: 'Off-peak',
        rules: [
          { weekdays: WORKDAYS, fromMinute: 0, toMinute: 8 * 60 },
          { weekdays: WORKDAYS, fromMinute: 20 * 60, toMinute: DAY },
          { weekdays: WEEKEND, fromMinute: 0, toMinute: DAY },
        ],
      },
    ],
  },
  {
    name: 'Business week',
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
    bands: [
      {
        name: 'Always',
        rules: [{ weekdays: ALL_DAYS, fromMinute: 0, toMinute: DAY }],
      },
    ],
  },
];
