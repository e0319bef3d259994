/** How a change set stands. */
export const rerateStates = {
  DRAFT: 'Says what is to be rated anew; nothing has been worked out.',
  PREVIEWING: 'The differences are being worked out.',
  PREVIEWED: 'The differences are known and wait for an approval.',
  APPROVED: 'Another user has approved the differences.',
  APPLYING: 'The differences are being made good.',
  APPLIED: 'The new prices are shown and billed.',
  UNDOING: 'What was shown before is being restored.',
  UNDONE: 'What was shown before is shown again.',
  DISCARDED: 'Nobody wants it any more; it never did anything.',
} as const;
export type RerateState = keyof typeof rerateStates;

export type RerateAction = 'preview' | 'approve' | 'apply' | 'undo' | 'discard';

const ALLOWED: Readonly<Record<RerateAction, readonly RerateState[]>> = {
  preview: ['DRAFT', 'PREVIEWING', 'PREVIEWED', 'APPROVED'],
  approve: ['PREVIEWED'],
  apply: ['APPROVED', 'APPLYING'],
  undo: ['APPLIED', 'APPLYING', 'UNDOING'],
  discard: ['DRAFT', 'PREVIEWING', 'PREVIEWED', 'APPROVED'],
};

/** What asking again answers without doing anything: the work is done or under way. */
const ANSWERED: Readonly<Record<RerateAction, readonly RerateState[]>> = {
  preview: [],
  approve: ['APPROVED', 'APPLYING', 'APPLIED'],
  apply: ['APPLIED'],
  undo: ['UNDONE'],
  discard: ['DISCARDED'],
};

/**
 * Whether an action goes on, was done before, or does not fit the state. `runOpen` tells whether
 * the run of the state is still at work: then the action is under way, or has to wait for it.
 */
export function stepOf(
  action: RerateAction,
  state: RerateState,
  runOpen: boolean,
): 'GO' | 'DONE' | 'REFUSED' {
  if (ANSWERED[action].includes(state)) return 'DONE';
  if (!ALLOWED[action].includes(state)) return 'REFUSED';
  if (!runOpen) return 'GO';
  if (action === 'preview' && state === 'PREVIEWING') return 'DONE';
  if (action === 'apply' && state === 'APPLYING') return 'DONE';
  if (action === 'undo' && state === 'UNDOING') return 'DONE';
  return 'REFUSED';
}
