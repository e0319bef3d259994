import {
  Arg,
  Args,
  Authorized,
  Ctx,
  Field,
  FieldResolver,
  Mutation,
  ObjectType,
  Resolver,
  Root,
} from 'type-graphql';
import { DateTimeScalar, type RequestContext, STEP_UP } from '../platform/index.js';
import type { EnrolmentService } from './enrolment.service.js';
import { qrCode } from './qr-code.service.js';
import { StartEnrolmentArgs } from './session.input.js';
import { Session, sessionOf } from './session.resolver.js';
import type { SignInService } from './sign-in.service.js';

@ObjectType({
  simpleResolvers: true,
  description: 'A secret for an authenticator application, which counts when it is confirmed.',
})
class TotpEnrolment {
  @Field(() => String, {
    description: 'Confirms the enrolment together with a code, and does nothing else.',
  })
  enrolmentToken!: string;

  @Field(() => DateTimeScalar, { description: 'When the token ends: after 15 minutes.' })
  expiresAt!: Date;

  @Field(() => String, { description: 'The secret in base 32, for typing.' })
  secret!: string;

  @Field(() => String, { description: 'The secret as `otpauth://` URI.' })
  uri!: string;
}

@ObjectType({
  simpleResolvers: true,
  description: 'The first session with an authenticator, and what helps when it is lost.',
})
class EnrolledSession {
  @Field(() => Session, { description: 'A new session; all others have ended.' })
  session!: Session;

  @Field(() => [String], {
    description: 'Ten recovery codes, shown this once; each opens one session or step-up.',
  })
  recoveryCodes!: string[];
}

@Resolver(() => TotpEnrolment)
export class EnrolmentResolver {
  readonly #enrolments: EnrolmentService;
  readonly #signIn: SignInService;

  constructor(enrolments: EnrolmentService, signIn: SignInService) {
    this.#enrolments = enrolments;
    this.#signIn = signIn;
  }

  @Mutation(() => TotpEnrolment, {
    description:
      'Begins to enrol an authenticator, after the password of a user who has none. Refused as ' +
      'signIn is, in the same words also for a user who has one. Refused with SIGN_IN_REFUSED, ' +
      'SIGN_IN_THROTTLED, SIGN_IN_LOCKED, SIGN_IN_BUSY or ENROLMENT_REQUIRED.',
  })
  async enrolTotp(
    @Args(() => StartEnrolmentArgs) given: StartEnrolmentArgs,
    @Ctx() context: RequestContext,
  ): Promise<TotpEnrolment> {
    return this.#enrolments.start(given, context);
  }

  @Authorized(STEP_UP)
  @Mutation(() => TotpEnrolment, {
    description:
      'Begins to replace the authenticator of the signed-in user; the old one counts until the ' +
      'new one is confirmed. Refused with ENROLMENT_REFUSED. Needs a step-up.',
  })
  async replaceTotp(@Ctx() context: RequestContext): Promise<TotpEnrolment> {
    return this.#enrolments.replace(context);
  }

  @Mutation(() => EnrolledSession, {
    description:
      'Confirms an enrolment by the first code of the authenticator. All sessions of the user ' +
      'end and a new one begins; recovery codes from before are void. Refused with ' +
      'SIGN_IN_REFUSED, SIGN_IN_THROTTLED, SIGN_IN_LOCKED or ENROLMENT_REFUSED.',
  })
  async confirmTotpEnrolment(
    @Arg('enrolmentToken', () => String, { description: 'From the beginning of the enrolment.' })
    enrolmentToken: string,
    @Arg('totp', () => String, { description: 'The code that the authenticator shows now.' })
    totp: string,
    @Ctx() context: RequestContext,
  ): Promise<EnrolledSession> {
    const enrolled = await this.#enrolments.confirm(enrolmentToken, totp.slice(0, 16), context);
    const { tokens, deviceToken, recoveryCodes } = enrolled;
    return { session: sessionOf(tokens, deviceToken), recoveryCodes: [...recoveryCodes] };
  }

  @Authorized(STEP_UP)
  @Mutation(() => [String], {
    description:
      'Ten new recovery codes, shown this once; those from before are void. Needs a step-up.',
  })
  async renewRecoveryCodes(@Ctx() context: RequestContext): Promise<readonly string[]> {
    return this.#enrolments.renewCodes(context);
  }

  @Authorized()
  @Mutation(() => Boolean, {
    description:
      'Makes all devices of the signed-in user unknown, this one too: their device tokens are ' +
      'void. Sessions stay. Answers true. Refused with SESSION_REQUIRED (API keys).',
  })
  async forgetDevices(@Ctx() context: RequestContext): Promise<boolean> {
    await this.#signIn.forgetDevices(context);
    return true;
  }

  @FieldResolver(() => String, { description: 'The URI as a QR code: a PNG in a `data:` URI.' })
  async qrPng(@Root() enrolment: TotpEnrolment): Promise<string> {
    return qrCode(enrolment.uri, 'PNG');
  }

  @FieldResolver(() => String, { description: 'The URI as a QR code: an SVG in a `data:` URI.' })
  async qrSvg(@Root() enrolment: TotpEnrolment): Promise<string> {
    return qrCode(enrolment.uri, 'SVG');
  }
}
