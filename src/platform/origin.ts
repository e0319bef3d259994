/**
 * Whether a browser page of this origin may call: pages of our own host and those allowed by
 * configuration. Programs send no origin and are not asked.
 */
export function isAllowedOrigin(
  origin: string,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (allowed.includes(origin)) return true;
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host;
}
