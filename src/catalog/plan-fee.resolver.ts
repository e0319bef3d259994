import 'reflect-metadata';
import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { type RequestContext, rowLoader } from '../platform/index.js';
import { PlanFee } from './service-plan.entity.js';
import { TierSchedule } from './tier-schedule.entity.js';

@Resolver(() => PlanFee)
export class PlanFeeResolver {
  @FieldResolver(() => TierSchedule, {
    nullable: true,
    description: 'The tiers of GRADUATED and VOLUME.',
  })
  async tierSchedule(
    @Root() fee: PlanFee,
    @Ctx() context: RequestContext,
  ): Promise<TierSchedule | null> {
    if (fee.tierScheduleId === null) return null;
    return rowLoader(context, TierSchedule).load(fee.tierScheduleId);
  }
}
