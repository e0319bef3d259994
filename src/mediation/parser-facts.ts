/** What a parser must know of the source whose lines it reads. */
export interface ParserFacts {
  /** Zone of the source, used when the format names none. */
  readonly timeZone: string;
  /** Every trunk that a record may name, with its id. */
  readonly trunks: Iterable<readonly [name: string, id: number]>;
  /** Trunks of records that name none; 0 for none. */
  readonly defaultInTrunkId: number;
  readonly defaultOutTrunkId: number;
  /** Records that began before cannot be taken any more; none when absent. */
  readonly earliestMs?: number;
}
