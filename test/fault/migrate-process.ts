// Brings a database to the newest schema and says what it ran, for migrate.test.ts, which kills
// it on the way; with a name also a migration of the test.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/platform/index.js';
import { rewriting } from './rewriting.js';

const [url = '', ownerUrl = '', name = ''] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const further = rewriting.filter((migration) => migration.name === name);
// As the server does, without loading all of it: entities have no say in what is run.
const migrations = [join(here, '..', '..', 'migrations', '*.js'), ...further];
const applied = await migrate({ url, ownerUrl, entities: [], migrations });
process.stdout.write(`${JSON.stringify(applied)}\nFINISHED\n`);
