import 'reflect-metadata';
import { ArrayMaxSize } from 'class-validator';
import { Arg, Args, ArgsType, Authorized, Ctx, Field, ID, Query, Resolver } from 'type-graphql';
import { fromGlobalRowId } from '../kernel/index.js';
import {
  BigIntScalar,
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
} from '../platform/index.js';
import { AuditEntry, AuditHead, AuditVerification } from './audit.entity.js';
import { AuditFilter, AuditHeadInput } from './audit.input.js';
import { findEntry, listEntries } from './audit-query.store.js';
import type { AuditorService } from './auditor.service.js';

const AuditEntryConnection = connectionOf(AuditEntry);
const AuditHeadConnection = connectionOf(AuditHead);

@ArgsType()
class VerifyArgs {
  @Field(() => [AuditHeadInput], {
    defaultValue: [],
    description: 'Heads that were kept elsewhere; those that the system kept are used as well.',
  })
  @ArrayMaxSize(200)
  heads!: AuditHeadInput[];

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Trust the head of this place, one of those given, and read what follows it.',
  })
  since?: string | null;
}

@Resolver()
export class AuditResolver {
  readonly #auditor: AuditorService;

  constructor(auditor: AuditorService) {
    this.#auditor = auditor;
  }

  @Authorized('audit.read')
  @Query(() => AuditEntry, { nullable: true, description: 'An entry; null when none is to see.' })
  async auditEntry(
    @Arg('id', () => ID, { description: 'Identifier of the entry.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<AuditEntry | null> {
    return findEntry(await context.read(), fromGlobalRowId('AuditEntry', id));
  }

  @Authorized('audit.read')
  @Query(() => AuditEntryConnection, {
    description:
      'What was done on behalf of the partner and of those below it, newest first. Refused ' +
      'with INVALID_PERIOD.',
  })
  async auditEntries(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => AuditFilter, { nullable: true, description: 'Which entries to list.' })
    filter: AuditFilter | null,
    @Ctx() context: RequestContext,
  ): Promise<Connection<AuditEntry>> {
    return listEntries(await context.read(), filter ?? {}, page);
  }

  @Authorized('audit.read')
  @Query(() => AuditHeadConnection, {
    description: 'Signed heads of the chain, oldest first; for the hub only. Refused with NOT_HUB.',
  })
  async auditHeads(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<AuditHead>> {
    return this.#auditor.heads(context, page);
  }

  @Authorized('audit.read')
  @Query(() => AuditVerification, {
    description:
      'Reads the chain of entries and holds it against itself and against signed heads; for the ' +
      'hub only. Refused with AUDIT_HEAD_INVALID, AUDIT_VERIFYING or NOT_HUB.',
  })
  async verifyAudit(
    @Args(() => VerifyArgs) given: VerifyArgs,
    @Ctx() context: RequestContext,
  ): Promise<AuditVerification> {
    return this.#auditor.verify(context, given.heads, given.since ?? null);
  }
}
