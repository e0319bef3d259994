import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
} from 'graphql';
import type { OperationContext } from './gate.service.js';

/** Waits for a turn to work on something; the answer gives the turn back. */
export type Turn = () => Promise<() => void>;

const AT_ONCE: Turn = async () => () => undefined;

/** How a subscription is run for whom it belongs to. */
export interface SubscriptionRules {
  /** The beginning and each event wait for it. */
  readonly turn?: Turn;
  /** Asked before each event, which is withheld when it says no. */
  mayGoOn?(): Promise<boolean>;
  /** Called when nothing will follow. */
  ended?(): void;
}

/**
 * Runs a subscription whose every event is executed with a context of its own, so that no
 * transaction or loader outlives the event it was opened for. `args.contextValue` makes contexts.
 */
export async function subscribeAfresh(
  args: ExecutionArgs,
  rules: SubscriptionRules = {},
): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult> {
  const freshContext = args.contextValue as () => OperationContext;
  const done = await (rules.turn ?? AT_ONCE)();
  const first = freshContext();
  let source: AsyncIterable<unknown> | ExecutionResult;
  try {
    source = await createSourceEventStream({ ...args, contextValue: first });
  } finally {
    await first.close().finally(done);
  }
  return isAsyncIterable(source) ? eventsOf(source, args, rules) : source;
}

// Not an async generator function: its return() would wait for the event that it waits for.
function eventsOf(
  source: AsyncIterable<unknown>,
  args: ExecutionArgs,
  { turn = AT_ONCE, mayGoOn, ended }: SubscriptionRules,
): AsyncGenerator<ExecutionResult, void, void> {
  const freshContext = args.contextValue as () => OperationContext;
  const events = source[Symbol.asyncIterator]();
  const over: IteratorResult<ExecutionResult, void> = { done: true, value: undefined };
  const finish = async (): Promise<typeof over> => {
    try {
      await events.return?.();
    } finally {
      ended?.();
    }
    return over;
  };
  const next = async (): Promise<IteratorResult<ExecutionResult, void>> => {
    for (;;) {
      const event = await events.next();
      if (event.done) return finish();
      const done = await turn();
      const contextValue = freshContext();
      try {
        if (mayGoOn !== undefined && !(await mayGoOn())) continue;
        const value = await execute({ ...args, rootValue: event.value, contextValue });
        return { done: false, value };
      } finally {
        await contextValue.close().finally(done);
      }
    }
  };
  return {
    async next() {
      try {
        return await next();
      } catch (error) {
        await finish();
        throw error;
      }
    },
    return: finish,
    async throw(error) {
      await finish();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await finish();
    },
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
