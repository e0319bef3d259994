import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Counters and times of one process in Prometheus format. */
export class Metrics {
  readonly registry = new Registry();
  readonly operations = new Counter({
    name: 'kontor_graphql_operations_total',
    help: 'GraphQL operations by type and by how they ended: ok, refused or failed.',
    labelNames: ['type', 'outcome'] as const,
    registers: [this.registry],
  });
  readonly seconds = new Histogram({
    name: 'kontor_graphql_operation_seconds',
    help: 'Time to answer a GraphQL operation.',
    labelNames: ['type'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly sockets = new Gauge({
    name: 'kontor_websockets',
    help: 'Open WebSockets.',
    registers: [this.registry],
  });
  readonly subscriptions = new Gauge({
    name: 'kontor_subscriptions',
    help: 'Running GraphQL subscriptions.',
    registers: [this.registry],
  });
  readonly webhookAttempts = new Counter({
    name: 'kontor_webhook_attempts_total',
    help: 'Attempts to deliver to webhooks: delivered, retried, failed for good, lost to another.',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  readonly webhookWaitingSeconds = new Gauge({
    name: 'kontor_webhook_waiting_seconds',
    help: 'For how long the oldest message to a webhook is due.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
