import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import { Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  Run,
  requireViewer,
  rowLoader,
  STEP_UP,
} from '../platform/index.js';
import { BillRun, BillRunFinding } from './bill-run.entity.js';
import type { BillRunService } from './bill-run.service.js';
import { Invoice } from './invoice.entity.js';
import { StartBillRunInput } from './invoice.input.js';
import type { InvoiceService } from './invoice.service.js';

const InvoiceConnection = connectionOf(Invoice, 'Invoice');
const BillRunFindingConnection = connectionOf(BillRunFinding, 'BillRunFinding');

@Resolver(() => BillRun)
export class BillRunResolver {
  readonly #runs: BillRunService;
  readonly #invoices: InvoiceService;

  constructor(runs: BillRunService, invoices: InvoiceService) {
    this.#runs = runs;
    this.#invoices = invoices;
  }

  @Authorized('bill.run')
  @Mutation(() => Run, {
    description:
      'Bills what a seller has not billed for a month: a draft invoice for each contract. While ' +
      'a run for the month works, or when nothing new came after it, this answers that run. ' +
      'Usage that comes after the invoice of its month goes to the next one. Refused with ' +
      'NOT_FOUND, BILL_PERIOD_NOT_OVER or NOTHING_TO_BILL.',
  })
  async startBillRun(
    @Arg('input', () => StartBillRunInput, { description: 'What to bill.' })
    input: StartBillRunInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    const viewer = requireViewer(context);
    const { period, sellerPartnerId = null } = input;
    return context.write((tx) => this.#runs.start(tx, viewer, { period, sellerPartnerId }, key));
  }

  @Authorized('invoice.finalise', STEP_UP)
  @Mutation(() => Run, {
    description:
      'Finalises all drafts of an ended bill run, as a run of its own. Asked again it answers ' +
      'the same run. Refused with BILL_RUN_OPEN, NOTHING_TO_FINALISE, NUMBERS_NOT_RECONCILED ' +
      'or NOT_FOUND. Needs a step-up.',
  })
  async finaliseBillRun(
    @Arg('runId', () => ID, { description: 'The bill run.' }) runId: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#runs.finalise(tx, viewer, runId, key));
  }

  @Authorized('invoice.read')
  @Query(() => BillRun, { nullable: true, description: 'A bill run; null when not visible.' })
  async billRun(
    @Arg('id', () => ID, { description: 'Identifier of the run.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<BillRun | null> {
    return this.#runs.find(await context.read(), id);
  }

  @FieldResolver(() => BillRunFindingConnection, {
    description: 'What to look at before finalising.',
  })
  async findings(
    @Root() billRun: BillRun,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<BillRunFinding>> {
    return this.#runs.findings(await context.read(), billRun.runId, page);
  }

  @FieldResolver(() => InvoiceConnection, { description: 'The invoices it made or finalised.' })
  async invoices(
    @Root() billRun: BillRun,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Invoice>> {
    return this.#invoices.ofRun(await context.read(), billRun.runId, page);
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Who bills.' })
  async seller(@Root() billRun: BillRun, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(billRun.sellerPartnerId);
  }
}

@Resolver(() => BillRunFinding)
export class BillRunFindingResolver {
  @FieldResolver(() => ID, {
    nullable: true,
    description: 'The contract concerned; null when it is about the seller as a whole.',
  })
  contractId(@Root() finding: BillRunFinding): string | null {
    return finding.contractId === null ? null : toGlobalId('Contract', finding.contractId);
  }
}
