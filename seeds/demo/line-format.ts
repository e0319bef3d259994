import type { Call } from './call.js';
import type { LineWriter } from './line-writer.js';

/** Where the fields of the last line begin that a faulty source gets wrong; -1 for none. */
export interface FieldPlaces {
  time: number;
  quantity: number;
  called: number;
  service: number;
  trunk: number;
}

/** How a source writes calls. */
export interface LineFormat {
  /** Sign between two fields. */
  readonly delimiter: number;
  /** First line of each file, when it is no record. */
  readonly header: string | null;
  /** Writes one call as one line, without its end, and notes where its fields stand. */
  write(out: LineWriter, call: Call, places: FieldPlaces): void;
}

const COMMA = 44;
const SEMICOLON = 59;
const PLUS = 43;
const ZERO = 48;

/** The preset `kontor`: a header, commas, E.164 with plus, times in UTC. */
export const kontorFormat: LineFormat = {
  delimiter: COMMA,
  header: 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk',
  write: kontorLine,
};

/** Asterisk's `Master.csv`: quoted text, numbers as dialled in Germany, times of Berlin. */
export const asteriskFormat: LineFormat = { delimiter: COMMA, header: null, write: asteriskLine };

/** The wholesale switch: semicolons, bare international numbers, milliseconds, compact times. */
export const switchFormat: LineFormat = { delimiter: SEMICOLON, header: null, write: switchLine };

function kontorLine(out: LineWriter, call: Call, places: FieldPlaces): void {
  out.text('GW1-');
  out.digits(call.serial, 9);
  out.byte(COMMA);
  places.service = out.length;
  out.text(call.service);
  out.byte(COMMA);
  places.time = out.length;
  out.isoTime(call.startedAt);
  out.byte(COMMA);
  out.byte(PLUS);
  digits(out, call.calling, call.callingLength);
  out.byte(COMMA);
  places.called = out.length;
  if (call.calledLength > 0) {
    out.byte(PLUS);
    digits(out, call.called, call.calledLength);
  }
  out.byte(COMMA);
  places.quantity = out.length;
  out.whole(call.service === 'voice' ? call.seconds : call.quantity);
  out.byte(COMMA);
  out.copy(call.inTrunk);
  out.byte(COMMA);
  places.trunk = out.length;
  out.copy(call.outTrunk);
}

const DISPOSITIONS = ['NO ANSWER', 'BUSY', 'FAILED'];

function asteriskLine(out: LineWriter, call: Call, places: FieldPlaces): void {
  const { serial, seconds } = call;
  const ends = call.startedAt + seconds * 1000;
  out.text('"","');
  dialled(out, call.calling, call.callingLength);
  out.text('","');
  places.called = out.length;
  dialled(out, call.called, call.calledLength);
  out.text('","from-internal","""');
  dialled(out, call.calling, call.callingLength);
  out.text('"" <');
  dialled(out, call.calling, call.callingLength);
  out.text('>","PJSIP/cloud-');
  out.digits(serial, 9);
  out.text('","PJSIP/carrier-');
  out.digits(serial, 9);
  out.text('","Dial","PJSIP/carrier,60","');
  if (!call.answered) places.time = out.length;
  out.localTime(call.setupAt);
  out.text('","');
  if (call.answered) {
    places.time = out.length;
    out.localTime(call.startedAt);
  }
  out.text('","');
  out.localTime(ends);
  out.text('",');
  out.whole(Math.floor((ends - call.setupAt) / 1000));
  out.byte(COMMA);
  places.quantity = out.length;
  out.whole(seconds);
  out.text(',"');
  out.text(call.answered ? 'ANSWERED' : (DISPOSITIONS[serial % 3] ?? 'FAILED'));
  out.text('","DOCUMENTATION","');
  // Two calls in turn share it when they begin in one minute, as the legs of one call do.
  out.digits(Math.floor(call.setupAt / 60_000) * 60, 10);
  out.byte(46);
  out.whole(serial >> 1);
  out.text('",""');
  places.service = -1;
  places.trunk = -1;
}

const ANSWERED_CAUSES = ['16', '16', '16', '31'];
const FAILED_CAUSES = ['17', '18', '19', '34'];

function switchLine(out: LineWriter, call: Call, places: FieldPlaces): void {
  out.text('TSW2;');
  out.whole(call.serial);
  out.text(';1;');
  if (!call.answered) places.time = out.length;
  out.compactTime(call.setupAt);
  out.byte(SEMICOLON);
  if (call.answered) {
    places.time = out.length;
    out.compactTime(call.startedAt);
  }
  out.byte(SEMICOLON);
  out.compactTime(call.startedAt + call.quantity);
  out.byte(SEMICOLON);
  digits(out, call.calling, call.callingLength);
  out.byte(SEMICOLON);
  places.called = out.length;
  digits(out, call.called, call.calledLength);
  out.byte(SEMICOLON);
  out.copy(call.inTrunk);
  out.byte(SEMICOLON);
  places.trunk = out.length;
  out.copy(call.outTrunk);
  out.byte(SEMICOLON);
  places.quantity = out.length;
  out.whole(call.quantity);
  out.byte(SEMICOLON);
  const causes = call.answered ? ANSWERED_CAUSES : FAILED_CAUSES;
  out.text(causes[call.serial & 3] ?? '16');
  places.service = -1;
}

function digits(out: LineWriter, from: Uint8Array, length: number): void {
  for (let at = 0; at < length; at += 1) out.byte(from[at] ?? ZERO);
}

// German numbers with their trunk prefix, all others with the international one.
function dialled(out: LineWriter, from: Uint8Array, length: number): void {
  const national = from[0] === 52 && from[1] === 57;
  out.byte(ZERO);
  if (!national) out.byte(ZERO);
  for (let at = national ? 2 : 0; at < length; at += 1) out.byte(from[at] ?? ZERO);
}
