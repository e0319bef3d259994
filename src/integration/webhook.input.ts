import 'reflect-metadata';
import { ArrayMaxSize, ArrayNotEmpty, ArrayUnique, IsOptional, Length } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { PlainText } from '../platform/index.js';
import { WebhookDeliveryState, WebhookEventType } from './webhook.entity.js';
import type { WebhookEventKind } from './webhook-message.js';

@InputType({ description: 'A new webhook of the partner that the caller acts at.' })
export class CreateWebhookInput {
  @Field(() => String, {
    description: 'Where messages are sent: an https address with a public name, on 443 or 8443.',
  })
  @Length(1, 2000)
  url!: string;

  @Field(() => [WebhookEventType], { description: 'What it is told of.' })
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @ArrayUnique()
  eventTypes!: WebhookEventKind[];

  @Field(() => String, { defaultValue: '', description: 'What it is for, 200 characters at most.' })
  @PlainText(0, 200)
  description!: string;
}

@InputType({ description: 'Changes of a webhook; what is absent stays.' })
export class UpdateWebhookInput {
  @Field(() => ID, { description: 'The webhook.' })
  id!: string;

  @Field(() => String, { nullable: true, description: 'Where messages are sent.' })
  @IsOptional()
  @Length(1, 2000)
  url?: string | null;

  @Field(() => [WebhookEventType], { nullable: true, description: 'What it is told of.' })
  @IsOptional()
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @ArrayUnique()
  eventTypes?: WebhookEventKind[] | null;

  @Field(() => String, { nullable: true, description: 'What it is for.' })
  @IsOptional()
  @PlainText(0, 200)
  description?: string | null;
}

@InputType({ description: 'Which messages to list; what is absent does not restrict.' })
export class WebhookDeliveryFilter {
  @Field(() => WebhookDeliveryState, { nullable: true, description: 'Only those in this state.' })
  state?: WebhookDeliveryState | null;
}
