import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Int,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  requireViewer,
} from '../platform/index.js';
import { UserSession } from './user-session.entity.js';
import type { UserSessionService } from './user-session.service.js';

const UserSessionConnection = connectionOf(UserSession);

@Resolver(() => UserSession)
export class UserSessionResolver {
  readonly #sessions: UserSessionService;

  constructor(sessions: UserSessionService) {
    this.#sessions = sessions;
  }

  @Authorized()
  @Query(() => UserSessionConnection, {
    description:
      "Living sessions of a user, newest first; others' sessions need user.manage. Refused with " +
      'NOT_FOUND.',
  })
  async sessions(
    @Arg('userId', () => ID, {
      nullable: true,
      description: 'Whose sessions; those of the caller when absent.',
    })
    userId: string | null | undefined,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<UserSession>> {
    const viewer = requireViewer(context);
    return context.readHome((tx) => this.#sessions.list(tx, viewer, userId ?? null, page));
  }

  @FieldResolver(() => Boolean, { description: 'Whether it is the session that asks.' })
  isCurrent(@Root() session: UserSession, @Ctx() context: RequestContext): boolean {
    return session.id === requireViewer(context).sessionId;
  }

  @Authorized()
  @Mutation(() => Boolean, {
    description:
      "Ends a session, on sockets within five seconds; others' sessions need user.manage. " +
      'Answers true. Refused with NOT_FOUND.',
  })
  async revokeSession(
    @Arg('id', () => ID, { description: 'The session.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    const viewer = requireViewer(context);
    await context.write((tx) => this.#sessions.revoke(tx, viewer, id), { atHome: true });
    return true;
  }

  @Authorized()
  @Mutation(() => Int, {
    description:
      'Ends all sessions of a user, or all of the caller but the one that asks. Answers how ' +
      "many; others' sessions need user.manage. Refused with NOT_FOUND.",
  })
  async revokeSessions(
    @Arg('userId', () => ID, {
      nullable: true,
      description: 'Whose sessions; those of the caller when absent.',
    })
    userId: string | null | undefined,
    @Ctx() context: RequestContext,
  ): Promise<number> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#sessions.revokeAll(tx, viewer, userId ?? null), {
      atHome: true,
    });
  }
}
