import { connect } from 'node:net';

const CANCEL_REQUEST = 80_877_102;
const LENGTH = 16;
/** A server that does not answer in this time will not. */
const PATIENCE_MS = 5_000;

/** A connection of the driver, as far as a request to cancel needs to know it. */
export interface Cancellable {
  readonly host: string;
  readonly port: number;
  readonly processID: number | null;
  readonly secretKey: number | null;
}

/**
 * Asks PostgreSQL to end the statement that a connection runs, over a connection of its own, as
 * the protocol has it. Resolves when the server has taken the request or cannot be reached; the
 * statement then fails by itself, if it still runs. Needs no right but to know the connection's
 * key, so it works for any role.
 */
export function cancelStatement(client: Cancellable): Promise<void> {
  const { host, port, processID, secretKey } = client;
  if (processID === null || secretKey === null) return Promise.resolve();
  const message = Buffer.alloc(LENGTH);
  message.writeInt32BE(LENGTH, 0);
  message.writeInt32BE(CANCEL_REQUEST, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = host.startsWith('/')
      ? connect(`${host}/.s.PGSQL.${port}`)
      : connect({ host, port });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.once('connect', () => socket.end(message));
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve());
    socket.resume();
  });
}
