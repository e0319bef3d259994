import { ApiKey } from './api-key.entity.js';
import { ApiKeyResolver } from './api-key.resolver.js';
import { EnrolmentResolver } from './enrolment.resolver.js';
import { PasswordResolver } from './password.resolver.js';
import { Role } from './role.entity.js';
import { RoleResolver } from './role.resolver.js';
import { SessionResolver } from './session.resolver.js';
import { SignInEvent } from './sign-in-event.entity.js';
import { SignInEventResolver, ViewerInfoResolver } from './sign-in-event.resolver.js';
import { AppUser } from './user.entity.js';
import { UserResolver } from './user.resolver.js';
import { UserSession } from './user-session.entity.js';
import { UserSessionResolver } from './user-session.resolver.js';

export { type AccessClaims, signAccessToken, verifyAccessToken } from './access-token.js';
export { AccountMailService } from './account-mail.service.js';
export { ApiKeyService } from './api-key.service.js';
export { assertAtHub } from './at-hub.store.js';
export { AttemptService } from './attempt.service.js';
export { type Authenticated, AuthenticationService } from './authentication.service.js';
export { EnrolmentService } from './enrolment.service.js';
export { identityErrors } from './errors.js';
export { type KeyRing, keyRing, SESSION_SECONDS, type TokenKey } from './key-ring.js';
export { configuredKeys, type KeySource, keptKeys, rotateKeys } from './key-ring.service.js';
export { LastUse } from './last-use.service.js';
export { PasswordChangeService } from './password-change.service.js';
export { type PermissionName, permissionNames } from './permission.js';
export { signRefreshToken, verifyRefreshToken } from './refresh-token.service.js';
export { RoleService } from './role.service.js';
export { rolePresets } from './role-preset.js';
export { seal, unseal } from './seal.service.js';
export { endAllSessions } from './session.store.js';
export type { Tokens } from './session-tokens.service.js';
export { type Credentials, type IdentityKeys, SignInService } from './sign-in.service.js';
export { SignInEventService } from './sign-in-event.service.js';
export { StepUpService } from './step-up.service.js';
export { type CompleteUser, type EnrolledUser, UserService } from './user.service.js';
export { UserSessionService } from './user-session.service.js';
export {
  ApiKeyResolver,
  EnrolmentResolver,
  PasswordResolver,
  RoleResolver,
  SessionResolver,
  SignInEventResolver,
  UserResolver,
  UserSessionResolver,
  ViewerInfoResolver,
};

export const identityEntities = [AppUser, Role, ApiKey, UserSession, SignInEvent] as const;
export const identityResolvers = [
  SessionResolver,
  ViewerInfoResolver,
  EnrolmentResolver,
  PasswordResolver,
  SignInEventResolver,
  RoleResolver,
  UserResolver,
  ApiKeyResolver,
  UserSessionResolver,
] as const;
