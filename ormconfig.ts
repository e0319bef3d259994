import 'reflect-metadata';
import { cpus } from 'node:os';
import { DataSource } from 'typeorm';
import { migrateOptions } from './src/app.js';
import { loadConfig } from './src/platform/index.js';

// For the command line of TypeORM, which works on a database that runs already: build first, then
// DATABASE_URL=… npx typeorm migration:show -d build/ormconfig.js
const { databaseUrl, databaseOwnerUrl } = loadConfig(process.env, cpus().length);
if (databaseUrl === undefined || databaseOwnerUrl === undefined) {
  throw new Error('Set DATABASE_URL, or DATABASE_OWNER_URL as well, for the TypeORM command line.');
}
const { entities, migrations } = migrateOptions({ url: databaseUrl, ownerUrl: databaseOwnerUrl });

export default new DataSource({
  type: 'postgres',
  url: databaseOwnerUrl,
  entities: [...entities] as never,
  migrations: [...migrations] as never,
  migrationsTableName: 'migration',
  synchronize: false,
  extra: { options: '-c role=kontor_owner -c timezone=UTC' },
});
