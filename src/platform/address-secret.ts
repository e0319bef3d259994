// The two first parts of a JWT are JSON objects, so both begin with `{"` in base64url. A token
// begins where a word does, so that no part of a long address is read again and again.
const SECRETS = [
  /ktr_[a-z0-9]{12}_/i,
  /kr1\.[a-z0-9]{4,32}\./i,
  /(?:^|[^\w-])eyJ[\w-]{8,256}\.eyJ/,
];

/**
 * Whether an address carries what looks like an API key or a token. Addresses are kept by proxies,
 * logs and histories, so a credential in one is as good as published and never honoured.
 */
export function carriesSecret(address: string): boolean {
  return [address, decoded(address)].some((text) => SECRETS.some((shape) => shape.test(text)));
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
