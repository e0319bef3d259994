import {
  Arg,
  Args,
  Authorized,
  Ctx,
  Field,
  ID,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import { ApiKey } from './api-key.entity.js';
import type { ApiKeyService } from './api-key.service.js';
import { CreateApiKeyInput } from './identity.input.js';

const ApiKeyConnection = connectionOf(ApiKey);

@ObjectType({ simpleResolvers: true, description: 'A new API key.' })
class CreatedApiKey {
  @Field(() => ApiKey, { description: 'The key.' })
  apiKey!: ApiKey;

  @Field(() => String, {
    nullable: true,
    description:
      'The text that goes into the header `Authorization: Bearer …`, shown this once: absent ' +
      'when the idempotency key repeats an earlier call.',
  })
  secret!: string | null;
}

@Resolver(() => ApiKey)
export class ApiKeyResolver {
  readonly #keys: ApiKeyService;

  constructor(keys: ApiKeyService) {
    this.#keys = keys;
  }

  @Authorized()
  @Query(() => ApiKeyConnection, {
    description:
      "API keys of a user, oldest first; others' keys need user.manage. Refused with NOT_FOUND.",
  })
  async apiKeys(
    @Arg('userId', () => ID, {
      nullable: true,
      description: 'Whose keys; those of the caller when absent.',
    })
    userId: string | null | undefined,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<ApiKey>> {
    const viewer = requireViewer(context);
    return context.readHome((tx) => this.#keys.list(tx, viewer, userId ?? null, page));
  }

  @Authorized('api-key.manage', STEP_UP)
  @Mutation(() => CreatedApiKey, {
    description:
      'Makes an API key that acts at the partner that the caller acts at. Refused with ' +
      'UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, API_KEY_LIFE_INVALID, TOO_MANY_API_KEYS. Needs a ' +
      'step-up.',
  })
  async createApiKey(
    @Arg('input', () => CreateApiKeyInput, { description: 'The key.' }) input: CreateApiKeyInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreatedApiKey> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#keys.createOnce(tx, viewer, key, input), { atHome: true });
  }

  @Authorized()
  @Mutation(() => ApiKey, {
    description:
      "Ends an API key, on sockets within five seconds; others' keys need user.manage. Refused " +
      'with NOT_FOUND, PERMISSION_NOT_HELD.',
  })
  async revokeApiKey(
    @Arg('id', () => ID, { description: 'The key.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<ApiKey> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#keys.revoke(tx, viewer, id), { atHome: true });
  }
}
