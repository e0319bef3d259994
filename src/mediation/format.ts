import { DomainError, type NumberRules } from '../kernel/index.js';

/** What is counted, with the unit that its quantity has. */
export type Service = 'VOICE' | 'SMS' | 'DATA' | 'EVENT';

/** The number that stands for a service in xDRs: 1 second, 2 message, 3 octet, 4 event. */
export const serviceCodes: Readonly<Record<Service, number>> = {
  VOICE: 1,
  SMS: 2,
  DATA: 3,
  EVENT: 4,
};

/** The service of each code; place 0 is none. */
export const serviceNames: readonly (Service | undefined)[] = [
  undefined,
  'VOICE',
  'SMS',
  'DATA',
  'EVENT',
];

/**
 * How an instant is written. ISO carries its own offset or Z; LOCAL (`2026-10-25 02:30:00`) and
 * COMPACT (`20261025023000`) are wall-clock times of the source's zone. An hour that occurs twice
 * is read as its first occurrence, one that never occurs as the same distance after the gap.
 */
export type TimeType = 'ISO' | 'LOCAL' | 'COMPACT' | 'EPOCH_SECONDS' | 'EPOCH_MILLISECONDS';

/** How the records of a source are written. Columns are referred to by their names. */
export interface FormatDefinition {
  /** One character between two fields. */
  readonly delimiter: string;
  /** The character around fields that hold the delimiter; doubled inside; null when unused. */
  readonly quote: string | null;
  /** Lines at the start of a file that hold no record. */
  readonly headerLines: number;
  /** Lines that begin with this character hold no record. */
  readonly comment?: string;
  /** The columns from left to right; a line must have exactly these fields. */
  readonly columns: readonly string[];
  /** IANA zone of LOCAL and COMPACT times; the source's zone unless given. */
  readonly timeZone?: string;
  readonly numberRules: NumberRules;
  /** Columns that together identify a record among all records of its identity domain. */
  readonly identity: readonly string[];
  /** When charging begins (answer time); `orElse` is read when the first column is empty. */
  readonly startedAt: {
    readonly column: string;
    readonly orElse?: string;
    readonly type: TimeType;
  };
  readonly service:
    | { readonly constant: Service }
    | { readonly column: string; readonly values: Readonly<Record<string, Service>> };
  /** Seconds of VOICE. Milliseconds count as the next full second. */
  readonly duration?: { readonly column: string; readonly unit: 'SECONDS' | 'MILLISECONDS' };
  /** Messages, octets or events of the other services; 1 when absent or empty. */
  readonly quantity?: { readonly column: string };
  /** Money that the record carries, such as the price of a service that was bought; a decimal. */
  readonly value?: { readonly column: string };
  readonly aNumber: { readonly column: string };
  readonly bNumber: { readonly column: string };
  readonly inTrunk?: { readonly column: string };
  readonly outTrunk?: { readonly column: string };
  /** A record whose value is not among these was not answered: its quantity is 0. */
  readonly answered?: { readonly column: string; readonly values: readonly string[] };
}

const kontor: FormatDefinition = {
  delimiter: ',',
  quote: '"',
  headerLines: 1,
  columns: [
    'record_id',
    'service',
    'started_at',
    'a_number',
    'b_number',
    'quantity',
    'in_trunk',
    'out_trunk',
  ],
  numberRules: { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] },
  identity: ['record_id'],
  startedAt: { column: 'started_at', type: 'ISO' },
  service: {
    column: 'service',
    values: { voice: 'VOICE', sms: 'SMS', data: 'DATA', event: 'EVENT' },
  },
  duration: { column: 'quantity', unit: 'SECONDS' },
  quantity: { column: 'quantity' },
  aNumber: { column: 'a_number' },
  bNumber: { column: 'b_number' },
  inTrunk: { column: 'in_trunk' },
  outTrunk: { column: 'out_trunk' },
};

// Asterisk writes one row per leg with the same uniqueid, so the leg is told by its channels, its
// times and its outcome as well. Legs that rang side by side may differ in their duration alone.
const asteriskMaster: FormatDefinition = {
  delimiter: ',',
  quote: '"',
  headerLines: 0,
  columns: [
    'accountcode',
    'src',
    'dst',
    'dcontext',
    'clid',
    'channel',
    'dstchannel',
    'lastapp',
    'lastdata',
    'start',
    'answer',
    'end',
    'duration',
    'billsec',
    'disposition',
    'amaflags',
    'uniqueid',
    'userfield',
  ],
  numberRules: {
    countryCode: '1',
    trunkPrefix: '',
    internationalPrefixes: ['011'],
    bare: 'NATIONAL',
  },
  identity: [
    'uniqueid',
    'channel',
    'dstchannel',
    'src',
    'dst',
    'start',
    'answer',
    'end',
    'duration',
    'disposition',
  ],
  startedAt: { column: 'answer', orElse: 'start', type: 'LOCAL' },
  service: { constant: 'VOICE' },
  duration: { column: 'billsec', unit: 'SECONDS' },
  aNumber: { column: 'src' },
  bNumber: { column: 'dst' },
  answered: { column: 'disposition', values: ['ANSWERED'] },
};

const wholesaleSwitch: FormatDefinition = {
  delimiter: ';',
  quote: null,
  headerLines: 0,
  comment: '#',
  columns: [
    'switch_id',
    'sequence',
    'leg',
    'setup_time',
    'answer_time',
    'release_time',
    'calling',
    'called',
    'ingress',
    'egress',
    'duration_ms',
    'release_cause',
  ],
  numberRules: {
    countryCode: '49',
    trunkPrefix: '0',
    internationalPrefixes: ['00'],
    bare: 'INTERNATIONAL',
  },
  identity: ['switch_id', 'sequence', 'leg'],
  startedAt: { column: 'answer_time', orElse: 'setup_time', type: 'COMPACT' },
  service: { constant: 'VOICE' },
  duration: { column: 'duration_ms', unit: 'MILLISECONDS' },
  aNumber: { column: 'calling' },
  bNumber: { column: 'called' },
  inTrunk: { column: 'ingress' },
  outTrunk: { column: 'egress' },
  answered: { column: 'release_cause', values: ['16', '31'] },
};

/** Formats that exist from the first day, by name. */
export const formatPresets: Readonly<Record<string, FormatDefinition>> = {
  kontor,
  'asterisk-master': asteriskMaster,
  'wholesale-switch': wholesaleSwitch,
};

/** The column index of a name; refused when the definition does not declare it. */
export function columnOf(definition: FormatDefinition, name: string): number {
  const at = definition.columns.indexOf(name);
  if (at < 0) {
    throw new DomainError('INVALID_FORMAT', `The format has no column "${name}".`, {
      column: name,
    });
  }
  return at;
}
