import { buildSchema, type ExecutionResult, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { subscribeAfresh } from '../../src/platform/subscribe.service.js';

const schema = buildSchema(`
  type Query { nothing: Int }
  type Subscription { counted: Int }
`);

/** A context that only knows whether it is open. */
interface Opened {
  open: boolean;
  close(): Promise<void>;
}

function contexts(): { made: Opened[]; fresh: () => Opened } {
  const made: Opened[] = [];
  const fresh = () => {
    const context: Opened = {
      open: true,
      close: async () => {
        context.open = false;
      },
    };
    made.push(context);
    return context;
  };
  return { made, fresh };
}

type Events = AsyncGenerator<ExecutionResult, void, void>;

async function subscribe(source: AsyncIterable<unknown>, fresh: () => Opened) {
  const field = schema.getSubscriptionType()?.getFields().counted;
  if (field === undefined) throw new Error('the schema has the field');
  field.subscribe = () => source;
  field.resolve = (event, _, context: Opened) => (context.open ? event : -1);
  const document = parse('subscription { counted }');
  return subscribeAfresh({ schema, document, contextValue: fresh });
}

async function* upTo(last: number): AsyncGenerator<number> {
  for (let i = 1; i <= last; i += 1) yield i;
}

describe('a subscription', () => {
  it('executes every event with a context of its own, closed when the event is done', async () => {
    const { made, fresh } = contexts();
    const events = (await subscribe(upTo(3), fresh)) as Events;
    const seen: unknown[] = [];
    for await (const result of events) {
      seen.push(result.data?.counted);
      expect(made.filter((context) => context.open)).toEqual([]);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(made).toHaveLength(4);
  });

  it('ends at once while it waits for an event', async () => {
    let ended = false;
    const source = {
      next: () => new Promise<IteratorResult<number>>(() => undefined),
      return: async () => {
        ended = true;
        return { done: true as const, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const events = (await subscribe(source, contexts().fresh)) as Events;
    void events.next();
    await events.return();
    expect(ended).toBe(true);
  });

  it('passes on what ends its source', async () => {
    const source = (async function* () {
      yield 1;
      throw new Error('the source broke');
    })();
    const events = (await subscribe(source, contexts().fresh)) as Events;
    expect((await events.next()).value?.data?.counted).toBe(1);
    await expect(events.next()).rejects.toThrow('the source broke');
  });

  it('that cannot begin says why and leaves no context open', async () => {
    const { made, fresh } = contexts();
    const broken = subscribe(Promise.reject(new Error('no source')) as never, fresh);
    const result = (await broken) as ExecutionResult;
    expect(result.errors?.[0]?.message).toBe('no source');
    expect(made.filter((context) => context.open)).toEqual([]);
  });
});
