import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { type GraphQLObjectType, isObjectType, parse, print } from 'graphql';
import { GraphQLClient } from 'graphql-request';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { toGlobalId } from '../../src/kernel/index.js';
import { buildSchema } from '../../src/schema.js';
import { guideModules } from '../fixtures/guide-modules.js';
import { call } from '../fixtures/partner.js';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** The settings that docs/api-limits.md tells, each with the real client. */
const USERS = `query Users { users(first: 1) { nodes { id email __typename } __typename } }`;
const PORTAL = print(parse(USERS));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Rules {
  readonly priceRules: {
    readonly nodes: readonly { readonly id: string; readonly amount: string }[];
  };
}

interface Users {
  readonly users: { readonly nodes: readonly { readonly email: string }[] };
}

let app: TestApp;
let token: string;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontor-clients-'));
  const list = join(directory, 'operations.json');
  writeFileSync(list, JSON.stringify({ [sha256(PORTAL)]: PORTAL }));
  app = await testApp({ env: { KONTOR_OPERATIONS: list } });
  const hub = await aPartner(app);
  token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(async () => {
  await app.stop();
  rmSync(directory, { recursive: true });
});

const endpoint = () => `${app.url}/graphql`;
const headers = () => ({ authorization: `Bearer ${token}` });

describe('Apollo Client', () => {
  const clientOver = (link: ApolloLink) => new ApolloClient({ link, cache: new InMemoryCache() });
  const http = () => new HttpLink({ uri: endpoint(), headers: headers() });

  it('signs requests, reads pages and meets refusal codes', async () => {
    const client = clientOver(http());
    const { data } = await client.query<Users>({
      query: gql`{ users(first: 1) { nodes { id email } pageInfo { hasNextPage } } }`,
    });
    expect(data?.users.nodes[0]?.email).toContain('@example.com');
    const refused = client.mutate({
      mutation: gql`mutation { disableUser(userId: "x") { id } }`,
    });
    await expect(refused).rejects.toMatchObject({
      errors: [{ extensions: { code: 'INVALID_ID' } }],
    });
    client.stop();
  });

  it('sends the ids of listed operations, and texts where there is no list', async () => {
    const link = new PersistedQueryLink({ sha256 });
    const client = clientOver(ApolloLink.from([link, http()]));
    const { data } = await client.query<Users>({ query: gql(USERS) });
    expect(data?.users.nodes[0]?.email).toContain('@example.com');
    const other = await client.query<{ errorCodes: unknown[] }>({
      query: gql`{ errorCodes { code } }`,
    });
    expect(other.data?.errorCodes.length).toBeGreaterThan(10);
    client.stop();
  });

  it('keeps versions apart with the cache of the guide, and the viewer whole', async () => {
    const client = new ApolloClient({ link: http(), cache: await guideCache() });
    const rules = gql`query ($asOf: DateTime) {
      priceRules(asOf: $asOf) { nodes { id amount validFrom } }
    }`;
    const id = await aRuleOfTwoVersions();
    const amounts = async (asOf: string | null) => {
      const { data } = await client.query<Rules>({ query: rules, variables: { asOf } });
      return data?.priceRules.nodes.filter((rule) => rule.id === id).map(({ amount }) => amount);
    };
    expect(await amounts(null)).toEqual(['5.00000000', '7.00000000']);
    expect(await amounts('2030-01-01T00:00:00Z')).toEqual(['7.00000000']);
    expect(await amounts(null)).toEqual(['5.00000000', '7.00000000']);
    const may = gql`{ viewer { permissions } }`;
    await client.query({ query: may });
    await client.query({ query: gql`{ viewer { steppedUpUntil } }` });
    expect(client.readQuery({ query: may })).not.toBeNull();
    client.stop();
  });

  it('is told of every type whose versions share an id, and of no other', async () => {
    const cache = await guideCache();
    const types = Object.values(buildSchema().getTypeMap()).filter(isObjectType);
    const identified = types.filter((type) => type.getFields().id !== undefined);
    const isOfVersions = (type: GraphQLObjectType) =>
      /in all (of )?its versions/.test(type.getFields().id?.description ?? '');
    const kept = identified.filter(({ name }) => cache.identify({ __typename: name, id: 'x' }));
    const single = identified.filter((type) => !isOfVersions(type));
    expect(kept.map(({ name }) => name)).toEqual(single.map(({ name }) => name));
    expect(kept.length).toBe(identified.length - 3);
  });
});

describe('urql', () => {
  const clientWith = (preferGetMethod: false | undefined) =>
    new Client({
      url: endpoint(),
      exchanges: [cacheExchange, fetchExchange],
      fetchOptions: { headers: headers() },
      ...(preferGetMethod === undefined ? {} : { preferGetMethod }),
    });

  it('works when it is told to post', async () => {
    const { data, error } = await clientWith(false).query<Users>(USERS, {}).toPromise();
    expect(error).toBeUndefined();
    expect(data?.users.nodes[0]?.email).toContain('@example.com');
  });

  it('does not by its default, which is GET', async () => {
    const { error } = await clientWith(undefined).query<Users>(USERS, {}).toPromise();
    expect(error?.response?.status).toBe(405);
  });
});

describe('graphql-request', () => {
  it('works as it is', async () => {
    const client = new GraphQLClient(endpoint(), { headers: headers() });
    const data = await client.request<Users>(USERS);
    expect(data.users.nodes[0]?.email).toContain('@example.com');
    await expect(
      client.request('mutation { disableUser(userId: "x") { id } }'),
    ).rejects.toMatchObject({ response: { errors: [{ extensions: { code: 'INVALID_ID' } }] } });
  });
});

describe('the network function for Relay', () => {
  it('sends the id that the compiler made of a query', async () => {
    const fetchQuery = async (params: { id: string | null; text: string | null }) => {
      const response = await fetch(endpoint(), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers() },
        body: JSON.stringify(
          params.id === null ? { query: params.text } : { documentId: params.id },
        ),
      });
      return (await response.json()) as { data: Users };
    };
    const { data } = await fetchQuery({ id: sha256(PORTAL), text: null });
    expect(data.users.nodes[0]?.email).toContain('@example.com');
    expect(await fetchQuery({ id: null, text: USERS })).toEqual({ data });
  });
});

describe('graphql-ws', () => {
  it('comes back with a new token when the old one has ended', async () => {
    const user = await aUser(app, { partnerId: (await onlyHub()).id });
    const tokens: string[] = [];
    const client = createClient({
      url: app.socketUrl,
      webSocketImpl: WebSocket,
      retryWait: async () => undefined,
      connectionParams: async () => {
        const fresh = await app.signIn(user.email);
        tokens.push(fresh);
        return { authorization: `Bearer ${fresh}` };
      },
    });
    const stop = client.subscribe(
      { query: 'subscription { alarmRaised { id } }' },
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(1);
    await app.graphql('mutation { signOut }', null, tokens[0]);
    await expect.poll(() => tokens.length, { timeout: 15_000 }).toBe(2);
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(1);
    stop();
    await client.dispose();
  });
});

async function guideCache(): Promise<InMemoryCache> {
  const modules = await guideModules<{ cache: InMemoryCache }>('docs/api-limits.md');
  const cache = modules.get('apollo-cache.mjs')?.cache;
  if (cache === undefined) throw new Error('the guide shows no cache');
  return cache;
}

/** A discount of 5 percent that is one of 7 percent from 2028 on. */
async function aRuleOfTwoVersions(): Promise<string> {
  const partnerId = toGlobalId('Partner', (await onlyHub()).id);
  const rule = (amount: string, validFrom: string) => {
    return { name: 'Loyalty', type: 'DISCOUNT', effect: 'PERCENT', amount, validFrom };
  };
  const create = `mutation ($partnerId: ID!, $rule: PriceRuleInput!) {
    createPriceRule(partnerId: $partnerId, rule: $rule) { id }
  }`;
  const given = { partnerId, rule: rule('5', '2026-01-01T00:00:00Z') };
  const { id } = await call(app, token, create, given);
  const change = `mutation ($id: ID!, $rule: PriceRuleInput!) {
    changePriceRule(id: $id, rule: $rule) { id }
  }`;
  await call(app, token, change, { id, rule: rule('7', '2028-01-01T00:00:00Z') });
  return id;
}

async function onlyHub(): Promise<{ id: number }> {
  const rows = await app.app.database.read({ system: true }, (tx) =>
    tx.query<{ id: number }[]>('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  return rows[0] as { id: number };
}
