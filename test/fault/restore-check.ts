import { expect } from 'vitest';
import type { Moment, Place, RestoreWorld } from './restore-world.js';

/** What came of settling a restore. */
export interface Settled {
  /** Whether finalising was refused before. */
  readonly refused: boolean;
  readonly recovered: number;
  readonly lost: number;
}

/**
 * Restores to a moment and settles it as the operator's page says, billing what is lost before the
 * numbers are reconciled, or only then. Expects everything that must hold on the way. In short
 * nobody asks what is missing before he has it settled, nor afterwards.
 */
export async function settlesAfter(
  world: RestoreWorld,
  moment: Moment,
  first: 'BILL' | 'RECONCILE',
  form: 'SHORT' | 'LONG' = 'LONG',
): Promise<Settled> {
  const place = await world.restore(moment);
  try {
    return await settles(world, place, { first, form, at: JSON.stringify(moment) });
  } finally {
    await place.close();
  }
}

async function settles(
  world: RestoreWorld,
  place: Place,
  how: { readonly first: 'BILL' | 'RECONCILE'; readonly form: 'SHORT' | 'LONG'; at: string },
): Promise<Settled> {
  const { first, form, at } = how;
  const written = place.written();
  const before = await place.given();
  expect(await place.findings(), at).toEqual([]);
  const cut = await place.chain();
  expect(['ENTRIES_CUT_OFF', null], at).toContain(cut.fault);
  const isBehind = [...written.keys()].some((name) => !before.has(name));

  const attempt = await place.job();
  expect(attempt.output.includes('NUMBERS_NOT_RECONCILED'), at).toBe(isBehind);
  expect(attempt.output.endsWith('FINISHED\n'), `${at} ${attempt.output}`).toBe(!isBehind);
  // Whoever finalises while numbers are missing gives none away.
  for (const [name, hash] of await place.given()) {
    if (written.has(name)) expect(hash, `${at} ${name}`).toBe(written.get(name));
  }
  if (first === 'BILL') await place.job({ KONTOR_TEST_DRAFTS: 'only' });
  const missing = isBehind || cut.fault !== null;
  if (form === 'LONG') {
    const asked = await place.command('reconcile');
    const said = expect.stringContaining('numbers are written down');
    expect([asked.status, asked.output], at).toEqual([missing ? 1 : 0, said]);
  }
  const done = await place.command('reconcile', '--apply', '--reason', 'rehearsal');
  const settled = expect.stringContaining(missing ? 'Reconciled' : 'Nothing is missing');
  expect([done.status, done.output], at).toEqual([0, settled]);
  await place.resume();
  const last = await place.job();
  expect(last.output, at).toMatch(/FINISHED\n$/);

  expect(await place.runStates(), at).toEqual(['DONE']);
  const lost = (done.output.match(/^LOST /gm) ?? []).length;
  expect(await place.findings(), at).toEqual([]);
  // Drafts that were made anew get new numbers where theirs are lost, in runs of their own.
  const { runs: _, numbers, ...figures } = await place.figures();
  const { runs: __, numbers: undisturbed, ...expected } = world.figures;
  expect(figures, at).toEqual(expected);
  if (lost === 0) expect(numbers, at).toBe(undisturbed);
  const given = await place.given();
  for (const [name, hash] of written) {
    expect([hash, 'LOST'], `${at} ${name}`).toContain(given.get(name));
  }
  const gone = [...written.keys()].filter((name) => given.get(name) === 'LOST');
  expect(gone.length, at).toBe(lost);
  const chain = await place.chain();
  expect([chain.fault, chain.restores], at).toEqual([null, cut.fault === null ? 0 : 1]);
  if (form === 'LONG') {
    const again = await place.command('reconcile');
    expect([again.status, again.output], at).toEqual([0, expect.stringContaining('Nothing')]);
  }
  const recovered = (done.output.match(/^RECOVERED /gm) ?? []).length;
  return { refused: isBehind, recovered, lost };
}
