import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, overlaps, type Period } from '../../src/kernel/index.js';
import { amend } from '../../src/partner/contract-rules.js';
import { isOver, statusAt, transition } from '../../src/subscription/index.js';

interface Version {
  readonly id: number;
  readonly valid: Period;
  readonly terms: number;
}

describe('amending terms', () => {
  const amendments = fc.array(
    fc.record({
      from: fc.integer({ min: 0, max: 20 }),
      length: fc.option(fc.integer({ min: 1, max: 20 })),
    }),
    { minLength: 1, maxLength: 12 },
  );

  it('leaves at every instant the terms that were laid there last', () => {
    fc.assert(
      fc.property(amendments, (list) => {
        let known: Version[] = [];
        let nextId = 0;
        list.forEach(({ from, length }, terms) => {
          const { superseded, kept, added } = amend(known, from, length && from + length);
          const before = new Map(known.map((version) => [version.id, version]));
          known = [
            ...known.filter((version) => !superseded.includes(version.id)),
            ...kept.map(({ id, valid }) => {
              nextId += 1;
              return { id: nextId, valid, terms: before.get(id)?.terms ?? -1 };
            }),
          ];
          nextId += 1;
          known.push({ id: nextId, valid: added, terms });
        });
        for (let at = 0; at <= 45; at += 1) {
          const last = list.findLastIndex(({ from, length }) => {
            return at >= from && (length === null || at < from + length);
          });
          const found = known.filter((version) => contains(version.valid, at));
          expect(found.map((version) => version.terms)).toEqual(last < 0 ? [] : [last]);
        }
        known.forEach((version, i) => {
          const others = known.slice(i + 1);
          expect(others.some((other) => overlaps(other.valid, version.valid))).toBe(false);
        });
      }),
    );
  });

  it('supersedes only what it touches', () => {
    const known = [
      { id: 1, valid: { from: 0, to: 10 } },
      { id: 2, valid: { from: 10, to: 20 } },
      { id: 3, valid: { from: 20, to: null } },
    ];
    expect(amend(known, 10, 15)).toEqual({
      superseded: [2],
      kept: [{ id: 2, valid: { from: 15, to: 20 } }],
      added: { from: 10, to: 15 },
    });
  });
});

describe('states of a subscription', () => {
  it('lead where the table says and nowhere else', () => {
    const statuses = ['ACTIVE', 'SUSPENDED', 'BLOCKED', 'TERMINATED', 'CANCELLED'] as const;
    const verbs = ['suspend', 'resume', 'block', 'release', 'terminate', 'cancel'] as const;
    const next = (status: (typeof statuses)[number], verb: (typeof verbs)[number]) => {
      try {
        return transition(status, verb)[0];
      } catch {
        return '-';
      }
    };
    const table = statuses.map((status) => verbs.map((verb) => next(status, verb)).join(''));
    expect(table).toEqual(['S-B-TC', '-A--TC', 'S--ATC', '------', '------']);
  });

  it('come to an end with the instant of the end, whatever they were', () => {
    const [startsAt, end] = [new Date('2026-11-01T00:00:00Z'), new Date('2026-12-01T00:00:00Z')];
    const seen = (['ACTIVE', 'SUSPENDED', 'BLOCKED'] as const).map((held) =>
      [-1, 0, 1].map((ms) =>
        statusAt(held, { startsAt, endsAt: end }, new Date(end.getTime() + ms)),
      ),
    );
    const ended = 'TERMINATED';
    expect(seen).toEqual([
      ['ACTIVE', ended, ended],
      ['SUSPENDED', ended, ended],
      ['BLOCKED', ended, ended],
    ]);
    expect(statusAt('ACTIVE', { startsAt, endsAt: null }, end)).toBe('ACTIVE');
  });

  it('are at no instant any but cancelled without time to be held in', () => {
    const start = new Date('2026-12-01T00:00:00Z');
    const seen = [-1, 0, 1].map((ms) =>
      statusAt('BLOCKED', { startsAt: start, endsAt: start }, new Date(start.getTime() + ms)),
    );
    expect(seen).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(['ACTIVE', 'TERMINATED', 'CANCELLED'].map((one) => isOver(one as 'ACTIVE'))).toEqual([
      ...[false, true, true],
    ]);
  });
});
