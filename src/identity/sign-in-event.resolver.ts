import { Arg, Args, Authorized, Ctx, FieldResolver, Int, Query, Resolver } from 'type-graphql';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  requireSession,
  requireViewer,
} from '../platform/index.js';
import { recoveryCodesLeft } from './recovery-code.service.js';
import { SignInEventFilter } from './session.input.js';
import { SignInEvent } from './sign-in-event.entity.js';
import type { SignInEventService } from './sign-in-event.service.js';
import { ViewerInfo } from './viewer-info.entity.js';

const SignInEventConnection = connectionOf(SignInEvent);

@Resolver(() => SignInEvent)
export class SignInEventResolver {
  readonly #events: SignInEventService;

  constructor(events: SignInEventService) {
    this.#events = events;
  }

  @Authorized('sign-in.read')
  @Query(() => SignInEventConnection, {
    description:
      'What happened to the sign-ins of the users in view, newest first. Refused with ' +
      'INVALID_PERIOD.',
  })
  async signInEvents(
    @Arg('filter', () => SignInEventFilter, { nullable: true, description: 'Only these.' })
    filter: SignInEventFilter | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<SignInEvent>> {
    return this.#events.list(await context.read(), filter ?? {}, page);
  }
}

/** What a user sees of his own sign-in, wherever he acts. */
@Resolver(() => ViewerInfo)
export class ViewerInfoResolver {
  readonly #events: SignInEventService;

  constructor(events: SignInEventService) {
    this.#events = events;
  }

  @FieldResolver(() => SignInEventConnection, {
    description:
      'What happened to the own sign-in, newest first. Refused with SESSION_REQUIRED (API keys).',
  })
  async signInEvents(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<SignInEvent>> {
    const viewer = requireViewer(context);
    requireSession(viewer);
    return context.readHome((tx) => this.#events.own(tx, viewer.userId, page));
  }

  @FieldResolver(() => Int, {
    description: 'Recovery codes that were not used yet. Refused with SESSION_REQUIRED (API keys).',
  })
  async recoveryCodesLeft(@Ctx() context: RequestContext): Promise<number> {
    const viewer = requireViewer(context);
    requireSession(viewer);
    return context.readHome((tx) => recoveryCodesLeft(tx, viewer.userId));
  }
}
