import { Arg, Args, Authorized, Ctx, Mutation, Resolver } from 'type-graphql';
import type { RequestContext } from '../platform/index.js';
import type { PasswordChangeService } from './password-change.service.js';
import { ChangePasswordArgs, ResetPasswordArgs } from './session.input.js';

@Resolver()
export class PasswordResolver {
  readonly #passwords: PasswordChangeService;

  constructor(passwords: PasswordChangeService) {
    this.#passwords = passwords;
  }

  @Authorized()
  @Mutation(() => Boolean, {
    description:
      "Changes the signed-in user's password; all his other sessions end. Answers true. " +
      'Refused with PASSWORD_REFUSED, PASSWORD_TOO_WEAK, SESSION_REQUIRED (API keys), ' +
      'SIGN_IN_THROTTLED, SIGN_IN_LOCKED, SIGN_IN_BUSY.',
  })
  async changePassword(
    @Args(() => ChangePasswordArgs) given: ChangePasswordArgs,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    await this.#passwords.change(context, given.oldPassword, given.newPassword);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Has a mail sent to a user, with a token for choosing a new password within 30 minutes. ' +
      'Answers true whether anybody signs in with the address or not. Refused with ' +
      'SIGN_IN_THROTTLED.',
  })
  async requestPasswordReset(
    @Arg('email', () => String, { description: 'E-mail address of the user.' }) email: string,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    await this.#passwords.request(email.slice(0, 254), context);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Chooses a password with a token that came by mail. All sessions of the user end; ' +
      'one-time passwords stay as they are. Answers true. Refused with RESET_REFUSED, ' +
      'PASSWORD_TOO_WEAK (the token stays good), SIGN_IN_THROTTLED, SIGN_IN_BUSY.',
  })
  async resetPassword(
    @Args(() => ResetPasswordArgs) given: ResetPasswordArgs,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    await this.#passwords.reset(given.token, given.newPassword, context);
    return true;
  }
}
