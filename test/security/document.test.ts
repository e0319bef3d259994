import { expect, it } from 'vitest';
import { Random } from '../bench/random.js';
import { documentFault } from '../fixtures/hostile-document.js';
import { trials } from '../fixtures/trials.js';

const DOCUMENTS = trials(1_000);
const SEED = Number(process.env.KONTOR_TEST_SEED ?? Date.now() % 2 ** 31);

it(`documents say what the data says, nothing acts (${DOCUMENTS}, seed ${SEED}) (F6)`, async () => {
  const random = new Random(SEED);
  for (let n = 0; n < DOCUMENTS; n += 1) expect(await documentFault(random)).toBeNull();
  console.log(`documents: ${DOCUMENTS} of hostile texts, each text as it was given, nothing acts`);
});
