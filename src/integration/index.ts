import { Webhook, WebhookAttempt, WebhookDelivery } from './webhook.entity.js';
import { WebhookDeliveryResolver, WebhookResolver } from './webhook.resolver.js';

export { integrationErrors } from './errors.js';
export { ExportService } from './export.service.js';
export { exportRoutes } from './export-route.service.js';
export { WebhookService } from './webhook.service.js';
export { WebhookDeliveryService } from './webhook-delivery.service.js';
export { WebhookSender } from './webhook-sender.service.js';
export { WebhookDeliveryResolver, WebhookResolver };

/** Tables of this folder. */
export const integrationEntities = [Webhook, WebhookDelivery, WebhookAttempt] as const;

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const integrationResolvers = [WebhookResolver, WebhookDeliveryResolver] as const;
