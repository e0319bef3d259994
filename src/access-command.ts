import { randomBytes, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { buildApp, openDatabase } from './app.js';
import { actorOfCommand } from './audit/index.js';
import { type Config, createLog, SYSTEM_SCOPE, type Tx } from './platform/index.js';

const PASSWORD_BYTES = 15;

/**
 * `recover --email ADDRESS`: gives a user a new password and takes his authenticator, for the
 * administrator who has lost both and has nobody above him. Whoever may run this on the machine
 * could read everything anyway.
 */
export async function recoverAccess(given: {
  readonly config: Config;
  readonly args: readonly string[];
}): Promise<number> {
  const { config, args } = given;
  const options = { email: { type: 'string' } } as const;
  const { email } = parseArgs({ args: [...args], options }).values;
  if (!email) {
    console.error('recover --email ADDRESS');
    return 2;
  }
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    const app = await buildApp({ config, urls, log: createLog({ level: config.logLevel }) });
    try {
      const password = randomBytes(PASSWORD_BYTES).toString('base64url');
      const { audit, users } = app.services;
      const act = { operation: 'recover', arguments: {}, reason: null, requestId: randomUUID() };
      const recover = (tx: Tx) => users.recover(tx, { email, password });
      await audit.write(SYSTEM_SCOPE, act, ({ partnerId }) => actorOfCommand(partnerId), recover);
      console.log(`e-mail    ${email}\npassword  ${password}\nAn authenticator is enrolled next.`);
      return 0;
    } finally {
      await app.stop();
    }
  } finally {
    await embedded?.stop();
  }
}
