/** The public holidays of a place, each with the law that says so. */
export interface ReferenceHolidays {
  readonly name: string;
  readonly days: readonly ReferenceHoliday[];
}

export interface ReferenceHoliday {
  /** YYYY-MM-DD. */
  readonly onDate: string;
  readonly name: string;
  readonly source: string;
}

const UNITY = 'Einigungsvertrag, Artikel 2 Absatz 2';
const EVERYWHERE = 'Feiertagsgesetze aller sechzehn Länder';
const BERLIN = 'Gesetz über die Sonn- und Feiertage (Berlin), § 1 Absatz 1';

// Days of 2026; Easter Sunday is 5 April.
const NATIONAL: readonly (readonly [onDate: string, name: string])[] = [
  ['2026-01-01', 'Neujahr'],
  ['2026-04-03', 'Karfreitag'],
  ['2026-04-06', 'Ostermontag'],
  ['2026-05-01', 'Tag der Arbeit'],
  ['2026-05-14', 'Christi Himmelfahrt'],
  ['2026-05-25', 'Pfingstmontag'],
  ['2026-10-03', 'Tag der Deutschen Einheit'],
  ['2026-12-25', 'Erster Weihnachtstag'],
  ['2026-12-26', 'Zweiter Weihnachtstag'],
];
const UNITY_DAY = '2026-10-03';

function daysBy(law: string, more: typeof NATIONAL): ReferenceHoliday[] {
  return [...NATIONAL, ...more]
    .map(([onDate, name]) => ({ onDate, name, source: onDate === UNITY_DAY ? UNITY : law }))
    .sort((a, b) => (a.onDate < b.onDate ? -1 : 1));
}

/** Holiday calendars that time profiles of the reference data follow. */
export const holidayCalendars: readonly ReferenceHolidays[] = [
  { name: 'Germany', days: daysBy(EVERYWHERE, []) },
  { name: 'Berlin', days: daysBy(BERLIN, [['2026-03-08', 'Frauentag']]) },
];
