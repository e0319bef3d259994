// Applies and undoes the change sets that wait, in one process, for rerate-kill.test.ts. Started
// again after a kill it goes on.
import { Database } from '../../src/platform/index.js';
import { entities } from '../../src/schema.js';
import { rerateDesk } from './rerate-desk.js';

const [url = '', filesDir = ''] = process.argv.slice(2);
const settings = { entities, poolSize: 5, statementTimeoutMs: 30_000 };
const database = await new Database({ url, ownerUrl: url, ...settings }).connect();
const desk = rerateDesk(database, filesDir);
await desk.settle();
await desk.close();
await database.close();
process.stdout.write('FINISHED\n');
