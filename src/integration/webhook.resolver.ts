import 'reflect-metadata';
import { Max, Min } from 'class-validator';
import {
  Arg,
  Args,
  ArgsType,
  Authorized,
  Ctx,
  Field,
  FieldResolver,
  ID,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  groupLoader,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import { Webhook, WebhookAttempt, WebhookDelivery } from './webhook.entity.js';
import { CreateWebhookInput, UpdateWebhookInput, WebhookDeliveryFilter } from './webhook.input.js';
import type { WebhookService } from './webhook.service.js';

const WebhookConnection = connectionOf(Webhook);
const WebhookDeliveryConnection = connectionOf(WebhookDelivery);
const idOption = { description: 'The webhook.' };

@ObjectType({ simpleResolvers: true, description: 'A webhook with a secret that is new.' })
class WebhookWithSecret {
  @Field(() => Webhook, { description: 'The webhook.' })
  webhook!: Webhook;

  @Field(() => String, {
    nullable: true,
    description:
      'What messages are signed with (`whsec_…`), shown this once: absent when the idempotency ' +
      'key repeats an earlier call.',
  })
  secret!: string | null;
}

@ArgsType()
class RotateArgs {
  @Field(() => ID, { description: 'The webhook.' })
  id!: string;

  @Field(() => Int, {
    defaultValue: 24,
    description: 'For how many hours the secret until now signs beside the new one, 0 to 168.',
  })
  @Min(0)
  @Max(168)
  overlapHours!: number;
}

@Resolver(() => Webhook)
export class WebhookResolver {
  readonly #webhooks: WebhookService;

  constructor(webhooks: WebhookService) {
    this.#webhooks = webhooks;
  }

  @Authorized('webhook.read')
  @Query(() => Webhook, { nullable: true, description: 'A webhook; null when there is none.' })
  async webhook(
    @Arg('id', () => ID, idOption) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Webhook | null> {
    return this.#webhooks.find(await context.read(), id);
  }

  @Authorized('webhook.read')
  @Query(() => WebhookConnection, { description: 'Webhooks, oldest first.' })
  async webhooks(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Webhook>> {
    return this.#webhooks.list(await context.read(), page);
  }

  @Authorized('webhook.read')
  @Query(() => WebhookDeliveryConnection, {
    description: 'Messages to a webhook, newest first. Refused with NOT_FOUND.',
  })
  async webhookDeliveries(
    @Arg('webhookId', () => ID, idOption) id: string,
    @Arg('filter', () => WebhookDeliveryFilter, { nullable: true, description: 'Which to list.' })
    filter: WebhookDeliveryFilter | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<WebhookDelivery>> {
    return this.#webhooks.deliveries(await context.read(), id, filter?.state ?? null, page);
  }

  @Authorized('webhook.manage', STEP_UP)
  @Mutation(() => WebhookWithSecret, {
    description:
      'Makes a webhook of the partner that the caller acts at. Refused with ' +
      'WEBHOOK_URL_REFUSED, TOO_MANY_WEBHOOKS, and FORBIDDEN for events that the caller may not ' +
      'see. Needs a step-up.',
  })
  async createWebhook(
    @Arg('input', () => CreateWebhookInput, { description: 'The webhook.' })
    input: CreateWebhookInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<WebhookWithSecret> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.create(tx, viewer, key, input));
  }

  @Authorized('webhook.manage', STEP_UP)
  @Mutation(() => Webhook, {
    description:
      'Changes a webhook; messages that wait go to the new address. Refused with ' +
      'WEBHOOK_URL_REFUSED or NOT_FOUND. Needs a step-up.',
  })
  async updateWebhook(
    @Arg('input', () => UpdateWebhookInput, { description: 'What changes.' })
    input: UpdateWebhookInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Webhook> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.update(tx, viewer, key, input));
  }

  @Authorized('webhook.manage')
  @Mutation(() => Webhook, {
    description:
      'Stops sending to a webhook; what happens meanwhile waits, for three days. Refused with ' +
      'NOT_FOUND.',
  })
  async pauseWebhook(
    @Arg('id', () => ID, idOption) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Webhook> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.pause(tx, viewer, key, id));
  }

  @Authorized('webhook.manage')
  @Mutation(() => Webhook, {
    description: 'Goes on sending to a paused webhook. Refused with NOT_FOUND.',
  })
  async resumeWebhook(
    @Arg('id', () => ID, idOption) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Webhook> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.resume(tx, viewer, key, id));
  }

  @Authorized('webhook.manage')
  @Mutation(() => ID, {
    description:
      'Ends a webhook for good, with its secrets and what waits for it; answers its id. ' +
      'Refused with NOT_FOUND.',
  })
  async deleteWebhook(
    @Arg('id', () => ID, idOption) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<string> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.delete(tx, viewer, key, id));
  }

  @Authorized('webhook.manage', STEP_UP)
  @Mutation(() => WebhookWithSecret, {
    description:
      'Gives a webhook a new secret. Until the one before ends messages carry a signature of ' +
      'each. Refused with NOT_FOUND. Needs a step-up.',
  })
  async rotateWebhookSecret(
    @Args(() => RotateArgs) given: RotateArgs,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<WebhookWithSecret> {
    const viewer = requireViewer(context);
    const { id, overlapHours } = given;
    return context.write((tx) => this.#webhooks.rotate(tx, viewer, key, { id, overlapHours }));
  }

  @Authorized('webhook.manage')
  @Mutation(() => WebhookDelivery, {
    description: 'Sends a ping to a webhook once, also to a paused one. Refused with NOT_FOUND.',
  })
  async testWebhook(
    @Arg('id', () => ID, idOption) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<WebhookDelivery> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.test(tx, viewer, key, id));
  }

  @Authorized('webhook.manage')
  @Mutation(() => WebhookDelivery, {
    description:
      'Sends a message again under the same `webhook-id`, now and, if need be, for three days. ' +
      'Refused with NOT_FOUND.',
  })
  async redeliverWebhook(
    @Arg('deliveryId', () => ID, { description: 'The message.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<WebhookDelivery> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#webhooks.redeliver(tx, viewer, key, id));
  }
}

@Resolver(() => WebhookDelivery)
export class WebhookDeliveryResolver {
  @FieldResolver(() => [WebhookAttempt], { description: 'Attempts to deliver it, oldest first.' })
  async attempts(
    @Root() delivery: WebhookDelivery,
    @Ctx() context: RequestContext,
  ): Promise<WebhookAttempt[]> {
    return groupLoader(context, WebhookAttempt, 'deliveryId').load(delivery.id);
  }
}
