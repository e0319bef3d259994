import { MaxLength } from 'class-validator';
import {
  Arg,
  Args,
  ArgsType,
  Authorized,
  Ctx,
  Field,
  ID,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from 'type-graphql';
import { DomainError, toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, type RequestContext, requireViewer } from '../platform/index.js';
import type { SignInService, Tokens } from './sign-in.service.js';
import type { StepUpService } from './step-up.service.js';
import { AppUser } from './user.entity.js';
import type { UserService } from './user.service.js';

@ArgsType()
class SignInArgs {
  @Field(() => String, { description: 'E-mail address of the user.' })
  @MaxLength(254)
  email!: string;

  @Field(() => String, { description: 'Password of the user.' })
  @MaxLength(1024)
  password!: string;

  @Field(() => String, { description: 'One-time password of this moment: six digits.' })
  @MaxLength(16)
  totp!: string;
}

@ObjectType({ simpleResolvers: true, description: 'What a client keeps of a session.' })
class Session {
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
}

@ObjectType({ simpleResolvers: true, description: 'The signed-in user and what he may do.' })
class ViewerInfo {
  @Field(() => AppUser, { description: 'The user.' })
  user!: AppUser;

  @Field(() => ID, {
    description:
      'The partner that the request acts at: the one in the header `kontor-partner`, else the ' +
      "user's own, or the only other one where the user has roles.",
  })
  partnerId!: string;

  @Field(() => ID, { nullable: true, description: 'The API key that calls; null for a session.' })
  apiKeyId!: string | null;

  @Field(() => [String], {
    description: 'What may be done at the partner that the request acts at, sorted.',
  })
  permissions!: string[];

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Until when the session may do what needs a step-up; null when it may not.',
  })
  steppedUpUntil!: Date | null;
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
      'Opens a session with password and one-time password. Refused with SIGN_IN_REFUSED, ' +
      'whatever was wrong, and with SIGN_IN_THROTTLED after too many attempts.',
  })
  async signIn(
    @Args(() => SignInArgs) given: SignInArgs,
    @Ctx() context: RequestContext,
  ): Promise<Session> {
    return sessionOf(await this.#signIn.signIn(given, context));
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
    return sessionOf(await this.#signIn.refresh(refreshToken, context));
  }

  @Authorized()
  @Mutation(() => StepUp, {
    description:
      'Proves again who sits there, with a one-time password that was not used to sign in: for ' +
      'five minutes the session may do what needs a step-up. Refused with STEP_UP_REFUSED, ' +
      'SESSION_REQUIRED (API keys), SIGN_IN_THROTTLED.',
  })
  async stepUp(
    @Arg('totp', () => String, { description: 'One-time password of this moment: six digits.' })
    totp: string,
    @Ctx() context: RequestContext,
  ): Promise<StepUp> {
    const steppedUpUntil = await this.#stepUps.stepUp(context, totp.slice(0, 16));
    return { steppedUpUntil };
  }

  @Authorized()
  @Mutation(() => Boolean, {
    description: 'Ends the session; its tokens and subscriptions end with it. Answers true.',
  })
  async signOut(@Ctx() context: RequestContext): Promise<boolean> {
    const { sessionId } = requireViewer(context);
    // An API key has no session to end; it is revoked.
    if (sessionId === null) throw new DomainError('FORBIDDEN', 'An API key cannot sign out.');
    await context.write((tx) => this.#signIn.signOut(tx, sessionId), { atHome: true });
    return true;
  }
}

function sessionOf(tokens: Tokens): Session {
  const { accessToken, refreshToken, expiresAt, userId } = tokens;
  return { accessToken, refreshToken, expiresAt, userId: toGlobalId('User', userId) };
}
