import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
} from 'graphql';
import type { OperationContext } from './gate.service.js';

/**
 * Runs a subscription whose every event is executed with a context of its own, so that no
 * transaction or loader outlives the event it was opened for. `args.contextValue` makes contexts.
 */
export async function subscribeAfresh(
  args: ExecutionArgs,
): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult> {
  const freshContext = args.contextValue as () => OperationContext;
  const first = freshContext();
  let source: AsyncIterable<unknown> | ExecutionResult;
  try {
    source = await createSourceEventStream({ ...args, contextValue: first });
  } finally {
    await first.close();
  }
  return isAsyncIterable(source) ? eventsOf(source, args, freshContext) : source;
}

// Not an async generator function: its return() would wait for the event that it waits for.
function eventsOf(
  source: AsyncIterable<unknown>,
  args: ExecutionArgs,
  freshContext: () => OperationContext,
): AsyncGenerator<ExecutionResult, void, void> {
  const events = source[Symbol.asyncIterator]();
  const over: IteratorResult<ExecutionResult, void> = { done: true, value: undefined };
  return {
    async next() {
      const event = await events.next();
      if (event.done) return over;
      const contextValue = freshContext();
      try {
        const value = await execute({ ...args, rootValue: event.value, contextValue });
        return { done: false, value };
      } finally {
        await contextValue.close();
      }
    },
    async return() {
      await events.return?.();
      return over;
    },
    async throw(error) {
      await events.return?.();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await events.return?.();
    },
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
