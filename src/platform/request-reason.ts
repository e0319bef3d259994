const MAX_REASON = 1000;

/** A request with its headers, on whatever server. */
export interface Headed {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Why the caller does what he does, from the header `kontor-reason`: percent-encoded UTF-8, since
 * headers carry no other letters. What cannot be decoded is taken as it is.
 */
export function reasonOf(request: Headed): string | undefined {
  const given = request.headers['kontor-reason'];
  if (typeof given !== 'string' || given.trim() === '') return undefined;
  let text = given;
  try {
    text = decodeURIComponent(given);
  } catch {
    // A per cent sign that begins no escape: the text was not encoded.
  }
  return (
    text
      .replace(/\p{Cc}/gu, ' ')
      .trim()
      .slice(0, MAX_REASON) || undefined
  );
}
