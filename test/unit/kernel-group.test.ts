import { expect, it } from 'vitest';
import { grouped } from '../../src/kernel/index.js';

it('groups values by key, groups by their first value, values in their order', () => {
  const groups = grouped([3, 8, 1, 4, 7], (value) => (value % 2 === 0 ? 'even' : 'odd'));
  expect([...groups]).toEqual([
    ['odd', [3, 1, 7]],
    ['even', [8, 4]],
  ]);
  expect(grouped([], String).size).toBe(0);
});
