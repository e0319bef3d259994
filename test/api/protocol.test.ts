import { auditServer } from 'graphql-http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { raiseAlarm } from '../../src/alarm/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const ALARMS = 'subscription { alarmRaised { id alarm { text } } }';

let app: TestApp;
let hub: BuiltPartner;
let token: string;
const open = new Set<SocketPeer>();

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(() => app.stop());
afterEach(() => {
  for (const peer of open) peer.socket.terminate();
  open.clear();
});

function newPeer(protocol?: string | string[]): SocketPeer {
  const peer = new SocketPeer(app.socketUrl, {}, protocol);
  open.add(peer);
  return peer;
}

const signedIn = () => newPeer().signIn(token);

let serial = 0;
async function alarm(text: string): Promise<void> {
  serial += 1;
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    raiseAlarm(tx, {
      partnerId: hub.id,
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectType: 'Subscription',
      subjectId: serial,
      naturalKey: `protocol ${serial}`,
      text,
      details: {},
    }),
  );
}

const types = (peer: SocketPeer, id?: string) =>
  peer.messages.filter((message) => id === undefined || message.id === id).map(({ type }) => type);

async function subscribers(count: number): Promise<void> {
  await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(count);
}

// What PROTOCOL.md of graphql-ws says about sockets.
describe('graphql-transport-ws', () => {
  it('acknowledges a connection and answers a ping with its payload', async () => {
    const peer = await signedIn();
    peer.send({ type: 'ping', payload: { at: 1 } });
    expect(await peer.message(({ type }) => type === 'pong')).toEqual({
      type: 'pong',
      payload: { at: 1 },
    });
    peer.send({ type: 'ping' });
    peer.send({ type: 'pong' });
    peer.send({ type: 'pong', payload: { unasked: true } });
    await expect.poll(() => types(peer)).toEqual(['connection_ack', 'pong', 'pong']);
  });

  it('answers a ping before the connection is acknowledged', async () => {
    const peer = await newPeer().opened();
    peer.send({ type: 'ping' });
    expect(await peer.message(({ type }) => type === 'pong')).toEqual({ type: 'pong' });
  });

  it.each([
    ['text that is no JSON', '{"type":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['no type', '{}'],
    ['an unknown type', '{"type":"start"}'],
    ['a subscription without id', '{"type":"subscribe","payload":{"query":"{a}"}}'],
    ['an empty id', '{"type":"subscribe","id":"","payload":{"query":"{a}"}}'],
    ['a number for an id', '{"type":"subscribe","id":1,"payload":{"query":"{a}"}}'],
    ['a subscription without payload', '{"type":"subscribe","id":"1"}'],
    ['a document that is no text', '{"type":"subscribe","id":"1","payload":{"query":{}}}'],
    [
      'variables that are no object',
      '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
    ],
    ['a completion without id', '{"type":"complete"}'],
    ['what only a server may say: next', '{"type":"next","id":"1","payload":{}}'],
    ['what only a server may say: error', '{"type":"error","id":"1","payload":[{"message":"x"}]}'],
    ['what only a server may say: connection_ack', '{"type":"connection_ack"}'],
    ['an init with a payload that is no object', '{"type":"connection_init","payload":1}'],
  ])('closes with 4400 on %s', async (_, frame) => {
    const peer = await signedIn();
    const faults = app.logged.filter((line) => line.includes('socket failed')).length;
    peer.send(frame);
    expect((await peer.closed).code).toBe(4400);
    expect(app.logged.filter((line) => line.includes('socket failed'))).toHaveLength(faults);
  });

  it('closes with 4401 who subscribes before he is acknowledged', async () => {
    const peer = await newPeer().opened();
    peer.subscribe('1', ALARMS);
    expect((await peer.closed).code).toBe(4401);
  });

  it('closes with 4403 who may not come in', async () => {
    const peer = await newPeer().opened();
    peer.send({ type: 'connection_init' });
    expect((await peer.closed).code).toBe(4403);
  });

  it('closes with 4406 who speaks another protocol', async () => {
    expect((await newPeer([]).closed).code).toBe(4406);
  });

  it('does not open a socket whose every protocol is another', async () => {
    const peer = newPeer('graphql-ws');
    expect((await peer.closed).code).toBe(1006);
  });

  it('closes with 4408 who does not sign in within three seconds', async () => {
    const peer = await newPeer().opened();
    const begin = performance.now();
    expect((await peer.closed).code).toBe(4408);
    expect(performance.now() - begin).toBeGreaterThan(2_500);
  });

  it('closes with 4409 on an id that is in use, however long it is', async () => {
    for (const id of ['1', 'i'.repeat(1_000), 'ü'.repeat(100), '__proto__']) {
      const peer = await signedIn();
      peer.subscribe(id, ALARMS);
      await subscribers(1);
      peer.subscribe(id, ALARMS);
      expect((await peer.closed).code).toBe(4409);
      await subscribers(0);
    }
  });

  it('closes with 4429 who signs in twice, also at once', async () => {
    const later = await signedIn();
    later.send({ type: 'connection_init' });
    expect((await later.closed).code).toBe(4429);
    const atOnce = await newPeer().opened();
    const payload = { authorization: `Bearer ${token}` };
    atOnce.send({ type: 'connection_init', payload });
    atOnce.send({ type: 'connection_init', payload });
    expect((await atOnce.closed).code).toBe(4429);
  });

  it('sends what comes under the id that asked for it, and nothing after its end', async () => {
    const peer = await signedIn();
    peer.subscribe('a', ALARMS);
    peer.subscribe('b', ALARMS);
    await subscribers(2);
    await alarm('one');
    await expect.poll(() => [types(peer, 'a'), types(peer, 'b')]).toEqual([['next'], ['next']]);
    peer.send({ id: 'a', type: 'complete' });
    await subscribers(1);
    await alarm('two');
    await expect.poll(() => types(peer, 'b')).toEqual(['next', 'next']);
    expect(types(peer, 'a')).toEqual(['next']);
    peer.send({ id: 'a', type: 'complete' });
    peer.send({ id: 'never', type: 'complete' });
    peer.subscribe('a', ALARMS);
    await subscribers(2);
    await alarm('three');
    await expect.poll(() => types(peer, 'a')).toEqual(['next', 'next']);
  });

  it('ends what it refuses with an error and says no more of it, and the id is free', async () => {
    const peer = await signedIn();
    peer.subscribe('1', 'subscription { nothing }');
    await peer.message(({ id, type }) => id === '1' && type === 'error');
    peer.subscribe('1', ALARMS);
    await subscribers(1);
    await alarm('four');
    await expect.poll(() => types(peer, '1')).toEqual(['error', 'next']);
  });

  it('takes one document with several subscriptions and runs the one that is named', async () => {
    const peer = await signedIn();
    const query = `subscription A { alarmRaised { id } } subscription B { alarmRaised { id } }`;
    peer.send({ id: '1', type: 'subscribe', payload: { query, operationName: 'B' } });
    await subscribers(1);
    for (const [id, operationName] of [
      ['2', 'C'],
      ['3', null],
    ] as const) {
      peer.send({ id, type: 'subscribe', payload: { query, operationName } });
      expect(await peer.refusal(id)).toEqual(['OPERATION_RESOLUTION_FAILURE']);
    }
  });
});

describe('GraphQL over HTTP', () => {
  it('passes the audit with no error and the warnings of Apollo Server itself alone', async () => {
    const results = await auditServer({
      url: `${app.url}/graphql`,
      fetchFn: (input: string, init: RequestInit = {}) =>
        fetch(input, {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${token}` },
        }),
    });
    const of = (wanted: string) =>
      results
        .filter(({ status }) => status === wanted)
        .map(({ id, name }) => `${id} ${name}`)
        .sort();
    expect(of('error')).toEqual([]);
    // Apollo Server answers 400 to what cannot run, whichever type of answer was asked for.
    expect(of('warn')).toEqual([
      '572B SHOULD use 200 status code on document parsing failure when accepting application/json',
      '7B9B SHOULD use a status code of 200 on variable coercion failure when accepting application/json',
      'FDE2 SHOULD use 200 status code on document validation failure when accepting application/json',
    ]);
    // What a server may leave out, and this one does: operations over GET.
    expect(of('notice').filter((name) => !name.includes('GET'))).toEqual([]);
    expect(results.length).toBeGreaterThan(50);
  });
});
