import {
  Arg,
  Args,
  Authorized,
  Ctx,
  Field,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import {
  DateTimeScalar,
  type RequestContext,
  requireSession,
  requireViewer,
} from '../platform/index.js';
import { SignInArgs, StepUpArgs } from './session.input.js';
import type { Tokens } from './session-tokens.service.js';
import type { SignInService } from './sign-in.service.js';
import type { StepUpService } from './step-up.service.js';
import type { UserService } from './user.service.js';
import { ViewerInfo } from './viewer-info.entity.js';

@ObjectType({ simpleResolvers: true, description: 'What a client keeps of a session.' })
export class Session {
  @Field(() => String, {
    description: 'Goes into the header `Authorization: Bearer …`; lives for 15 minutes.',
  })
  accessToken!: string;

  @Field(() => String, {
    description: 'Gives the next pair of tokens, once; keep it where scripts cannot read it.',
  })
  refreshToken!: string;

  @Field(() => DateTimeScalar, { description: 'When the access token ends.' })
  expiresAt!: Date;

  @Field(() => String, { description: 'Opaque identifier of the user.' })
  userId!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'Keep it on the device for longer than the session, and send it with the next sign-in. ' +
      'It opens nothing. Null for refreshed sessions.',
  })
  deviceToken!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'A session that has proven its user again.' })
class StepUp {
  @Field(() => DateTimeScalar, {
    description: 'Until when the session may do what needs a step-up: five minutes from now.',
  })
  steppedUpUntil!: Date;
}

@Resolver()
export class SessionResolver {
  readonly #signIn: SignInService;
  readonly #stepUps: StepUpService;
  readonly #users: UserService;

  constructor(signIn: SignInService, stepUps: StepUpService, users: UserService) {
    this.#signIn = signIn;
    this.#stepUps = stepUps;
    this.#users = users;
  }

  @Authorized()
  @Query(() => ViewerInfo, { description: 'The signed-in user.' })
  async viewer(@Ctx() context: RequestContext): Promise<ViewerInfo> {
    const viewer = requireViewer(context);
    const user = await context.readHome((tx) => this.#users.self(tx, viewer));
    const { steppedUpUntil: until } = viewer;
    return {
      user,
      partnerId: toGlobalId('Partner', viewer.partnerId),
      apiKeyId: viewer.apiKeyId === null ? null : toGlobalId('ApiKey', viewer.apiKeyId),
      permissions: [...viewer.permissions].sort(),
      steppedUpUntil: until !== null && until > context.now() ? until : null,
    };
  }

  @Mutation(() => Session, {
    description:
      'Opens a session with password and one-time password, or recovery code. Refused with ' +
      'SIGN_IN_REFUSED, whatever was wrong; with ENROLMENT_REQUIRED after the right password of ' +
      'a user who has to enrol an authenticator first; with SIGN_IN_THROTTLED, SIGN_IN_LOCKED, ' +
      'SIGN_IN_BUSY after too many attempts.',
  })
  async signIn(
    @Args(() => SignInArgs) given: SignInArgs,
    @Ctx() context: RequestContext,
  ): Promise<Session> {
    const { tokens, deviceToken } = await this.#signIn.signIn(given, context);
    return sessionOf(tokens, deviceToken);
  }

  @Mutation(() => Session, {
    description:
      'The next tokens of a session. The given refresh token is used up; using it again later ' +
      'ends the session. Refused with REFRESH_REFUSED.',
  })
  async refreshSession(
    @Arg('refreshToken', () => String, { description: 'The newest refresh token of the session.' })
    refreshToken: string,
    @Ctx() context: RequestContext,
  ): Promise<Session> {
    return sessionOf(await this.#signIn.refresh(refreshToken, context), null);
  }

  @Authorized()
  @Mutation(() => StepUp, {
    description:
      'Proves again who sits there, with a one-time password that was not used to sign in, or a ' +
      'recovery code: for five minutes the session may do what needs a step-up. Refused with ' +
      'STEP_UP_REFUSED, SESSION_REQUIRED (API keys), SIGN_IN_THROTTLED, SIGN_IN_LOCKED.',
  })
  async stepUp(
    @Args(() => StepUpArgs) given: StepUpArgs,
    @Ctx() context: RequestContext,
  ): Promise<StepUp> {
    return { steppedUpUntil: await this.#stepUps.stepUp(context, given) };
  }

  @Authorized()
  @Mutation(() => Boolean, {
    description:
      'Ends the session; its tokens and subscriptions end with it. Answers true. Refused with ' +
      'SESSION_REQUIRED (API keys, which are revoked).',
  })
  async signOut(@Ctx() context: RequestContext): Promise<boolean> {
    const sessionId = requireSession(requireViewer(context));
    await context.write((tx) => this.#signIn.signOut(tx, sessionId), { atHome: true });
    return true;
  }
}

/** A session as clients see it. */
export function sessionOf(tokens: Tokens, deviceToken: string | null): Session {
  const { accessToken, refreshToken, expiresAt, userId } = tokens;
  return {
    accessToken,
    refreshToken,
    expiresAt,
    userId: toGlobalId('User', userId),
    deviceToken,
  };
}
