import { ApiKey } from './api-key.entity.js';
import { ApiKeyResolver } from './api-key.resolver.js';
import { Role } from './role.entity.js';
import { RoleResolver } from './role.resolver.js';
import { SessionResolver } from './session.resolver.js';
import { AppUser } from './user.entity.js';
import { UserResolver } from './user.resolver.js';
import { UserSession } from './user-session.entity.js';
import { UserSessionResolver } from './user-session.resolver.js';

export { type AccessClaims, signAccessToken, verifyAccessToken } from './access-token.js';
export { ApiKeyService } from './api-key.service.js';
export { type Authenticated, AuthenticationService } from './authentication.service.js';
export { identityErrors } from './errors.js';
export { type KeyRing, keyRing, SESSION_SECONDS, type TokenKey } from './key-ring.js';
export { configuredKeys, type KeySource, keptKeys, rotateKeys } from './key-ring.service.js';
export { LastUse } from './last-use.service.js';
export { type PermissionName, permissionNames } from './permission.js';
export { signRefreshToken, verifyRefreshToken } from './refresh-token.service.js';
export { RoleService } from './role.service.js';
export {
  type Credentials,
  type IdentityKeys,
  SignInService,
  type Tokens,
} from './sign-in.service.js';
export { StepUpService } from './step-up.service.js';
export { type EnrolledUser, type NewUser, UserService } from './user.service.js';
export { UserSessionService } from './user-session.service.js';
export { presentViewer } from './viewer.store.js';
export { ApiKeyResolver, RoleResolver, SessionResolver, UserResolver, UserSessionResolver };

export const identityEntities = [AppUser, Role, ApiKey, UserSession] as const;
export const identityResolvers = [
  SessionResolver,
  RoleResolver,
  UserResolver,
  ApiKeyResolver,
  UserSessionResolver,
] as const;
