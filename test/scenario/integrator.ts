import { setTimeout as delay } from 'node:timers/promises';
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { expect } from 'vitest';
import { totpAt } from '../fixtures/partner-builder.js';
import { type Subscriber, subscriberOf } from '../fixtures/subscriber.js';
import type { TestApp } from '../fixtures/test-app.js';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

/** What somebody signs in with. */
export interface Login {
  readonly email: string;
  readonly password: string;
  readonly totpSecret: string;
}

/** Somebody who works through the API alone, with the clients that the world uses. */
export class Integrator {
  private constructor(
    readonly app: TestApp,
    readonly token: string,
    private readonly login: Login,
    private readonly client: ApolloClient,
  ) {}

  /** Signs in with a password and the code that an authenticator shows now. */
  static async signIn(app: TestApp, login: Login): Promise<Integrator> {
    const { email, password, totpSecret } = login;
    const totp = totpAt(totpSecret, app.clock.now());
    const { data } = await clientOf(app).mutate<Asked>({
      mutation: gql`mutation ($email: String!, $password: String!, $totp: String!) {
        signIn(email: $email, password: $password, totp: $totp) { accessToken }
      }`,
      variables: { email, password, totp },
    });
    const { accessToken } = data.signIn;
    return new Integrator(app, accessToken, login, clientOf(app, accessToken));
  }

  /** Proves again who works here, with the code after the one that signed in. */
  async stepUp(): Promise<void> {
    this.app.clock.advance(30_000);
    const totp = totpAt(this.login.totpSecret, this.app.clock.now());
    await this.ask('mutation ($totp: String!) { stepUp(totp: $totp) { steppedUpUntil } }', {
      totp,
    });
  }

  /** The first field of a query's or mutation's answer. */
  async ask(text: string, variables: Record<string, unknown> = {}): Promise<Asked> {
    const document = gql(text);
    const { data } = text.startsWith('mutation')
      ? await this.client.mutate<Asked>({ mutation: document, variables })
      : await this.client.query<Asked>({ query: document, variables });
    return Object.values(data)[0];
  }

  /** A mutation `name(input)`; answers the id of what it made. */
  async make(name: string, type: string, input: object): Promise<string> {
    const text = `mutation ($input: ${type}!) { ${name}(input: $input) { id } }`;
    return (await this.ask(text, { input })).id;
  }

  /** The codes with which an operation is refused. */
  async refusal(text: string, variables: Record<string, unknown> = {}): Promise<unknown[]> {
    try {
      await this.ask(text, variables);
    } catch (error) {
      if (!CombinedGraphQLErrors.is(error)) throw error;
      return error.errors.map(({ extensions }) => extensions?.code);
    }
    return [];
  }

  watch(query: string, variables: Record<string, unknown> = {}): Subscriber {
    return subscriberOf(this.app, this.token, query, variables);
  }

  /** A document or file over plain HTTP. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token}` };
    return fetch(`${this.app.url}${path}`, { ...init, headers });
  }

  /** Uploads a file and starts its import; answers the ids of the file and of the run. */
  async send(name: string, body: string, sourceId: string) {
    const response = await this.fetch(`/files/${name}`, { method: 'PUT', body });
    expect(response.status).toBe(201);
    const { fileId } = (await response.json()) as { fileId: string };
    const run = await this.ask(
      `mutation ($fileId: ID!, $sourceId: ID!) {
        importUsageFile(fileId: $fileId, sourceId: $sourceId) { id }
      }`,
      { fileId, sourceId },
    );
    return { fileId, runId: run.id as string };
  }

  /** Waits until a run is done; any other end is a failure. */
  async done(runId: string): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      const { state } = await this.ask('query ($id: ID!) { run(id: $id) { state } }', {
        id: runId,
      });
      if (state === 'DONE') return;
      expect(['READY', 'RUNNING']).toContain(state);
      await delay(25);
    }
    throw new Error('the run does not end');
  }

  /** What became of the lines of a file. */
  async counts(fileId: string): Promise<Record<string, number>> {
    const { __typename, ...counts } = await this.ask(
      'query ($id: ID!) { usageFile(id: $id) { received rated rejected duplicate held } }',
      { id: fileId },
    );
    return Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, Number(n)]));
  }
}

function clientOf({ url }: TestApp, token?: string): ApolloClient {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new ApolloClient({
    link: new HttpLink({ uri: `${url}/graphql`, fetch, headers }),
    cache: new InMemoryCache(),
    defaultOptions: { query: { fetchPolicy: 'no-cache' }, mutate: { fetchPolicy: 'no-cache' } },
  });
}
