import { Field, InputType } from 'type-graphql';
import { AlarmSeverityType, AlarmStateType } from './alarm.entity.js';
import type { AlarmSeverity, AlarmState } from './alarm-state.js';

@InputType({ description: 'Which alarms to list; what is absent does not restrict.' })
export class AlarmFilter {
  @Field(() => [AlarmSeverityType], { nullable: true, description: 'Only these severities.' })
  severities?: AlarmSeverity[] | null;

  @Field(() => AlarmStateType, { nullable: true, description: 'Only alarms in this state.' })
  state?: AlarmState | null;
}
