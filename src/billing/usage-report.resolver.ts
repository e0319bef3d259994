import 'reflect-metadata';
import { Matches } from 'class-validator';
import { Args, ArgsType, Authorized, Ctx, Field, ID, Query, Resolver } from 'type-graphql';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  requireViewer,
} from '../platform/index.js';
import { DestinationUsage } from './usage-report.entity.js';
import type { UsageReportService } from './usage-report.service.js';

const DestinationUsageConnection = connectionOf(DestinationUsage, 'DestinationUsage');

@ArgsType()
class DestinationUsageArgs extends PageArgs {
  @Field(() => String, { description: 'The month of the usage, YYYY-MM.' })
  @Matches(/^(?!0000)\d{4}-(0[1-9]|1[0-2])$/, { message: 'A month is written YYYY-MM.' })
  period!: string;

  @Field(() => ID, {
    nullable: true,
    description: "Whose business it is; the user's own partner when absent.",
  })
  partnerId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Convert all amounts to this currency, each by the rate that held when its day began; ' +
      'when absent, every currency has rows of its own.',
  })
  currency?: string | null;
}

@Resolver()
export class UsageReportResolver {
  readonly #reports: UsageReportService;

  constructor(reports: UsageReportService) {
    this.#reports = reports;
  }

  @Authorized('usage.read')
  @Query(() => DestinationUsageConnection, {
    description:
      'Traffic of a month by destination with cost, revenue and margin, billed or not. Usage ' +
      "counts in the month of each contract's zone: a call at the edge may cost in one month and " +
      'bring in the other. Refused with NOT_FOUND, INVALID_CURRENCY, EXCHANGE_RATE_MISSING or ' +
      'VALUE_OUT_OF_RANGE.',
  })
  async usageByDestination(
    @Args(() => DestinationUsageArgs) args: DestinationUsageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<DestinationUsage>> {
    const { period, partnerId = null, currency = null, first, after } = args;
    const page = { first, after: after ?? null };
    const asked = { period, partnerId, currency };
    return this.#reports.byDestination(await context.read(), requireViewer(context), asked, page);
  }
}
