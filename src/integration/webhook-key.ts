/** Whose a sealed secret is: one that was copied to another row does not open there. */
export function secretOwner(webhookId: number): string {
  return `webhook ${webhookId}`;
}

/** Names the condition that messages to a webhook do not arrive. */
export function failingKey(webhookId: number): string {
  return `webhook:${webhookId}`;
}
