import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  JsonScalar,
  PageArgs,
  type RequestContext,
  requireViewer,
} from '../platform/index.js';
import { Alarm, AlarmEvent } from './alarm.entity.js';
import { AlarmFilter } from './alarm.input.js';
import { type AlarmService, watchAlarms } from './alarm.service.js';

const AlarmConnection = connectionOf(Alarm);

@Resolver(() => Alarm)
export class AlarmResolver {
  readonly #alarms: AlarmService;

  constructor(alarms: AlarmService) {
    this.#alarms = alarms;
  }

  @Authorized('alarm.read')
  @Query(() => Alarm, { nullable: true, description: 'An alarm; null when there is none to see.' })
  async alarm(
    @Arg('id', () => ID, { description: 'Identifier of the alarm.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Alarm | null> {
    return this.#alarms.find(await context.read(), id);
  }

  @Authorized('alarm.read')
  @Query(() => AlarmConnection, { description: 'Alarms, newest first.' })
  async alarms(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => AlarmFilter, { nullable: true, description: 'Which alarms to list.' })
    filter: AlarmFilter | null,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Alarm>> {
    return this.#alarms.list(await context.read(), filter ?? {}, page);
  }

  @Authorized('alarm.acknowledge')
  @Mutation(() => Alarm, {
    description:
      'Takes care of an alarm. Refused with NOT_FOUND, or with ALARM_CLEARED when it is over.',
  })
  async acknowledgeAlarm(
    @Arg('id', () => ID, { description: 'Identifier of the alarm.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Alarm> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#alarms.acknowledge(tx, viewer, id, key, context.now()));
  }

  @Authorized('alarm.acknowledge')
  @Mutation(() => Alarm, {
    description: 'Ends an alarm; a cleared one stays as it is. Refused with NOT_FOUND.',
  })
  async clearAlarm(
    @Arg('id', () => ID, { description: 'Identifier of the alarm.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Alarm> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#alarms.clear(tx, viewer, id, key, context.now()));
  }

  @Authorized('alarm.read')
  @Subscription(() => AlarmEvent, {
    description:
      'Alarms as they are raised, in the order of their causes; nothing is missed or repeated ' +
      'when a reader resumes after the last event id it has seen.',
    subscribe: ({ args, context }) => watchAlarms(context, args.after),
  })
  alarmRaised(
    @Arg('after', () => ID, {
      nullable: true,
      description: 'Resume behind this event id; from now on when absent.',
    })
    _after: string | null,
    @Root() event: AlarmEvent,
  ): AlarmEvent {
    return event;
  }

  @FieldResolver(() => String, {
    description:
      'What happened, for people. Where that tells of prices of levels that the caller may not ' +
      'see, it names the permissions instead.',
  })
  text(@Root() alarm: Alarm, @Ctx() context: RequestContext): string {
    const missing = missingFor(alarm, context);
    return missing.length === 0 ? alarm.text : `To be seen with ${missing.join(', ')}.`;
  }

  @FieldResolver(() => JsonScalar, {
    description:
      'The figures behind the text, by name; none when the text may not be seen. Some are shown ' +
      'to who acts at the partner of the alarm alone.',
  })
  details(@Root() alarm: Alarm, @Ctx() context: RequestContext): object {
    if (missingFor(alarm, context).length > 0) return {};
    const isOwn = requireViewer(context).partnerId === alarm.partnerId;
    return isOwn ? { ...alarm.details, ...alarm.ownDetails } : alarm.details;
  }
}

function missingFor(alarm: Alarm, context: RequestContext): string[] {
  const { permissions } = requireViewer(context);
  return alarm.shownWith.filter((name) => !permissions.has(name));
}
