// Brings a database to the newest schema and says what it ran, for migrate.test.ts, which kills
// it on the way; with a name also a migration of the test.
import { migrateOptions } from '../../src/app.js';
import { migrate } from '../../src/platform/index.js';
import { rewriting } from './rewriting.js';

const [url = '', ownerUrl = '', name = ''] = process.argv.slice(2);
const options = migrateOptions({ url, ownerUrl });
const further = rewriting.filter((migration) => migration.name === name);
const applied = await migrate({ ...options, migrations: [...options.migrations, ...further] });
process.stdout.write(`${JSON.stringify(applied)}\nFINISHED\n`);
