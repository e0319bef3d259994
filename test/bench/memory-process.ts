// A process that imports and folds one file, for memory.ts: the peak of another is not its own.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Database } from '../../src/platform/index.js';
import { generate } from './generate.js';
import type { MemoryTask } from './memory.js';
import { Pipeline } from './pipeline.js';

const { urls, dir, world, records, workers, round } = await new Promise<MemoryTask>((resolve) => {
  process.once('message', (task) => resolve(task as MemoryTask));
});
const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
const database = await new Database({ ...urls, ...settings }).connect();
const path = join(dir, `memory-${records}.csv`);
const file = generate(world, { path, records, seed: records, days: 4 });
// What writing a file leaves behind is not the import's: V8 would keep it as long as there is room.
setFlagsFromString('--expose-gc');
(runInNewContext('gc') as () => void)();
const pipeline = new Pipeline(database, world, dir, workers, round);
await pipeline.run(file);
await pipeline.close();
await database.close();
rmSync(path);
process.send!(Math.round(process.resourceUsage().maxRSS / 1024));
process.disconnect();
