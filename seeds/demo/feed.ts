import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Call, NO_TRUNK } from './call.js';
import type { CalledNumbers } from './called-numbers.js';
import type { Caller, Callers } from './callers.js';
import { drawFault, type LineFault, spoil } from './faults.js';
import type { FieldPlaces, LineFormat } from './line-format.js';
import { LineWriter } from './line-writer.js';
import { callsByDay, DayClock, isAmbiguous, MONTH_FROM, WEEKS } from './month.js';
import type { Random } from './random.js';
import type { Tally } from './tally.js';

/** How a source writes and who is heard there. */
export interface FeedPlan {
  readonly source: string;
  /** Calls of the month before faults. */
  readonly calls: number;
  readonly format: LineFormat;
  readonly callers: Callers;
  readonly called: CalledNumbers;
  readonly random: Random;
  readonly tally: Tally;
  /**
   * Chooses by which trunk a call leaves, and unless it must be voice, turns it into a message
   * or session.
   */
  readonly route: (call: Call, random: Random, voiceOnly: boolean) => void;
}

/** A file of the demo and what Kontor must find in it. */
export interface FeedFile {
  readonly source: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly counts: FeedCounts;
}

/** Lines by what becomes of them; `received` is the sum of the four below it. */
export interface FeedCounts {
  received: number;
  rated: number;
  rejected: number;
  duplicate: number;
  held: number;
  /** Lines rejected, by the code of their fault. */
  readonly faults: Record<string, number>;
  /** Among the rated: calls that nobody answered. */
  unanswered: number;
  /** Lines of another week than their file. */
  late: number;
  /** Lines of the hour that the clocks show twice. */
  ambiguous: number;
}

const UNANSWERED_PERCENT = 21;
const STRANGER_ONCE_IN = 700;
const UNPRICED_ONCE_IN = 400;
const REPEATED_ONCE_IN = 170;
const REPEATED_LATER_ONCE_IN = 250;
const LATE_ONCE_IN = 200;
/** Weeks are counted from 0: this file also holds calls of the first one. */
const LATE_WEEK = 3;
const WEEK_SECONDS = 7 * 86_400;

/** Writes the files of one source, one a week, each after the other and always the same. */
export class Feed {
  readonly #plan: FeedPlan;
  readonly #call = new Call();
  #caller: Caller | null = null;
  readonly #places: FieldPlaces = { time: -1, quantity: -1, called: -1, service: -1, trunk: -1 };
  // Lines that come a second time: in this file, or in the next.
  #again: Uint8Array[] = [];
  #later: Uint8Array[] = [];
  #counts = emptyCounts();

  constructor(plan: FeedPlan) {
    this.#plan = plan;
  }

  /** Writes the file of a week into the folder. Weeks must be written in order. */
  write(folder: string, week: number): FeedFile {
    const { source, format } = this.#plan;
    const span = WEEKS[week];
    if (span === undefined) throw new RangeError(`the month has no week ${week}`);
    const name = `${source}-2026-10-${String(span.from).padStart(2, '0')}.csv`;
    const path = join(folder, name);
    const out = new LineWriter(path);
    this.#counts = emptyCounts();
    this.#again = this.#later;
    this.#later = [];
    if (format.header !== null) {
      out.text(format.header);
      out.endLine();
    }
    const calls = callsByDay(this.#plan.calls);
    for (let day = span.from; day <= span.to; day += 1) {
      this.#day(out, day, calls[day - 1] ?? 0, week);
    }
    while (this.#again.length > 0) this.#repeat(out);
    out.close();
    return { source, name, path, bytes: statSync(path).size, counts: this.#counts };
  }

  #day(out: LineWriter, day: number, calls: number, week: number): void {
    const { random } = this.#plan;
    const clock = new DayClock(day);
    for (let n = 0; n < calls; n += 1) {
      const atMs = clock.at((n + random.below(1000) / 1000) / calls);
      const late = week === LATE_WEEK && random.onceIn(LATE_ONCE_IN);
      this.#line(out, late ? MONTH_FROM + random.below(WEEK_SECONDS) * 1000 : atMs);
      if (late) this.#counts.late += 1;
      if (this.#again.length > 0 && random.onceIn(60)) this.#repeat(out);
    }
  }

  #line(out: LineWriter, atMs: number): void {
    const { random, format } = this.#plan;
    const counts = this.#counts;
    const fault = drawFault(random);
    const outcome = this.#draw(atMs, fault, random);
    const from = out.length;
    format.write(out, this.#call, this.#places);
    counts.received += 1;
    if (isAmbiguous(atMs)) counts.ambiguous += 1;
    if (fault !== null && spoil(fault, out, from, this.#places, format.delimiter)) {
      this.#reject(fault);
    } else if (outcome === 'STRANGER') this.#reject('UNKNOWN_SUBSCRIBER');
    else {
      if (outcome === 'UNPRICED') counts.held += 1;
      else {
        counts.rated += 1;
        if (this.#caller !== null) this.#plan.tally.add(this.#call, this.#caller);
      }
      if (!this.#call.answered) counts.unanswered += 1;
      this.#remember(out, from);
    }
    out.endLine();
  }

  /** Fills the call. One that shall get a line fault is an answered call that lacks nothing. */
  #draw(atMs: number, fault: LineFault | null, random: Random): 'FINE' | 'STRANGER' | 'UNPRICED' {
    const call = this.#call;
    const { callers, called, route } = this.#plan;
    const stranger = fault === null && random.onceIn(STRANGER_ONCE_IN);
    const priced = fault !== null || stranger || !random.onceIn(UNPRICED_ONCE_IN);
    const sound = fault === null && !stranger && priced;
    call.serial += 1;
    call.service = 'voice';
    call.outTrunk = NO_TRUNK;
    this.#caller = callers.draw(random, atMs);
    call.from(this.#caller, random);
    if (stranger) call.fromStranger(random);
    call.to(called, random, priced);
    // What is wrong with a line shall be one thing, so only sound ones are messages or sessions.
    route(call, random, !sound);
    const unanswered = sound && call.service === 'voice' && random.below(100) < UNANSWERED_PERCENT;
    call.begin(atMs, !unanswered, random);
    if (stranger) return 'STRANGER';
    return priced ? 'FINE' : 'UNPRICED';
  }

  #reject(code: string): void {
    this.#counts.rejected += 1;
    this.#counts.faults[code] = (this.#counts.faults[code] ?? 0) + 1;
  }

  #remember(out: LineWriter, from: number): void {
    const { random } = this.#plan;
    const sooner = random.onceIn(REPEATED_ONCE_IN);
    if (!sooner && !random.onceIn(REPEATED_LATER_ONCE_IN)) return;
    const line = Uint8Array.from(out.bytes.subarray(from, out.length));
    (sooner ? this.#again : this.#later).push(line);
  }

  #repeat(out: LineWriter): void {
    const line = this.#again.pop();
    if (line === undefined) return;
    out.copy(line);
    out.endLine();
    this.#counts.received += 1;
    this.#counts.duplicate += 1;
  }
}

function emptyCounts(): FeedCounts {
  return {
    received: 0,
    rated: 0,
    rejected: 0,
    duplicate: 0,
    held: 0,
    faults: {},
    unanswered: 0,
    late: 0,
    ambiguous: 0,
  };
}
