// Writes down the migrations of a release, which nobody may change from then on. Run once for
// each release, after its version is in package.json, and commit the file; see docs/releases.md.
//
//   npm run build && node test/tidy/release.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { RELEASED_FILE, withRelease } from '../../build/test/fixtures/released-migrations.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync(RELEASED_FILE, await withRelease(version));
