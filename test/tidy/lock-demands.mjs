// Writes down what each field of the built schema demands of a caller. The test that reads it
// fails when a demand is lost, so look at the difference before you commit it.
//
//   npm run build && node test/tidy/lock-demands.mjs
import { writeFileSync } from 'node:fs';
import { lockText } from '../../build/test/fixtures/demand-lock.js';

writeFileSync('test/fixtures/demands.json', lockText());
