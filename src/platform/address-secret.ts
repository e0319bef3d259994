const SECRETS = [/ktr_[a-z0-9]{12}_/i, /kr1\.[a-z0-9]{4,32}\./i];
/** The two first parts of a JWT are JSON objects, so both begin with `{"` in base64url. */
const PART = 'eyJ';
const WORD = /[\w-]/;
/** Characters of a first part behind its beginning. */
const SHORTEST = 8;
const LONGEST = 256;

/**
 * Whether an address carries what looks like an API key or a token. Addresses are kept by proxies,
 * logs and histories, so a credential in one is as good as published and never honoured.
 */
export function carriesSecret(address: string): boolean {
  return [address, decoded(address)].some(
    (text) => SECRETS.some((shape) => shape.test(text)) || carriesToken(text),
  );
}

// Looks back from where a second part begins, a bounded way: an expression that finds a first part
// wherever it begins would read a long address again and again.
function carriesToken(text: string): boolean {
  const parts = text.split('.');
  return parts.some((part, at) => at > 0 && part.startsWith(PART) && endsInPart(parts[at - 1]!));
}

function endsInPart(text: string): boolean {
  const least = Math.max(0, text.length - PART.length - LONGEST);
  let from = text.length;
  while (from > least && WORD.test(text[from - 1]!)) from -= 1;
  const at = text.indexOf(PART, from);
  return at >= 0 && text.length - at - PART.length >= SHORTEST;
}

function decoded(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}
