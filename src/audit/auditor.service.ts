import { assertAtHub } from '../identity/index.js';
import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  type RequestContext,
  requireViewer,
} from '../platform/index.js';
import type { AuditHead, AuditVerification } from './audit.entity.js';
import { signedHeads } from './chain.store.js';
import type { HeadService } from './head.service.js';
import { trustedHead } from './verify.service.js';

interface GivenHead {
  readonly head: string;
  readonly signature: string;
  readonly trail?: string | null;
}

/** What an auditor of the hub asks of the chain, which tells of all partners. */
export class AuditorService {
  readonly #heads: HeadService;

  constructor(heads: HeadService) {
    this.#heads = heads;
  }

  /** Signed heads, oldest first. Refuses with NOT_HUB whoever does not act at the hub. */
  async heads(context: RequestContext, page: Page): Promise<Connection<AuditHead>> {
    const tx = await context.read();
    await assertAtHub(tx, requireViewer(context).partnerId);
    const rows = await signedHeads(tx, after(page), page.first + 1);
    const shown = rows.map(({ seq, head, signature, publicKey }) => {
      return { seq: String(seq), head, signature, publicKey };
    });
    return pageOf(shown, page, ({ seq }) => [BigInt(seq)]);
  }

  /** As {@link HeadService.verify}, for a viewer who acts at the hub. */
  async verify(
    context: RequestContext,
    given: readonly GivenHead[],
    since: string | null,
  ): Promise<AuditVerification> {
    await assertAtHub(await context.read(), requireViewer(context).partnerId);
    await context.release();
    const { publicKey } = this.#heads;
    const keys = new Set([publicKey]);
    const heads = given.map(({ head, signature, trail = null }) =>
      trustedHead({ head, signature, publicKey, trail }, keys),
    );
    const start = since === null ? null : heads.find((head) => String(head.seq) === since);
    if (start === undefined) {
      throw new DomainError('AUDIT_HEAD_INVALID', 'The head to begin with is not among the heads.');
    }
    const { entries, proven, finding, restores } = await this.#heads.verify(heads, start);
    return {
      intact: finding === null,
      entries: String(entries),
      provenThrough: String(proven),
      fault: finding?.fault ?? null,
      firstBad: finding === null ? null : String(finding.firstBad),
      firstBadAtLatest: finding === null ? null : String(finding.firstBadAtLatest),
      restoredThrough: restores.map(({ keptThrough }) => String(keptThrough)),
    };
  }
}

function after(page: Page): number {
  const [seq] = pageStart(page, 1) ?? [0n];
  if (typeof seq === 'bigint' && seq >= 0n) return Number(seq);
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}
