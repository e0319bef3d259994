import { isReading, type PermissionName, permissionNames } from './permission.js';

/** Permissions that often go together, to begin a role with. */
export interface RolePreset {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly PermissionName[];
}

const readOnly = permissionNames.filter(isReading);

/** Presets by what their holders do. */
export const rolePresets: readonly RolePreset[] = [
  {
    name: 'Administrator',
    description: 'Does everything.',
    permissions: permissionNames,
  },
  {
    name: 'Auditor',
    description: 'Sees everything of the partner and changes nothing.',
    permissions: readOnly,
  },
  {
    name: 'User administration',
    description: 'Manages users, their roles and what integrations may do.',
    permissions: [
      ...(['user.read', 'user.email.read', 'user.manage', 'role.read', 'role.manage'] as const),
      ...(['sign-in.read', 'audit.read', 'partner.read'] as const),
    ],
  },
  {
    name: 'Customer care',
    description: 'Looks after end users and sees what they pay, not what they cost.',
    permissions: [
      ...(['partner.read', 'partner.contact.read', 'account.manage', 'contract.read'] as const),
      ...(['subscription.read', 'subscription.manage', 'usage.read', 'catalog.read'] as const),
      ...(['price.retail.read', 'quote.read', 'invoice.read', 'alarm.read'] as const),
    ],
  },
  {
    name: 'Pricing',
    description: 'Keeps price lists, plans and contracts at every level.',
    permissions: [
      ...(['partner.read', 'contract.read', 'contract.manage', 'catalog.read'] as const),
      ...(['catalog.manage', 'rate-sheet.activate', 'usage.read', 'quote.read'] as const),
      ...(['price.cost.read', 'price.wholesale.read', 'price.retail.read', 'alarm.read'] as const),
    ],
  },
  {
    name: 'Billing',
    description: 'Bills periods and finalises invoices.',
    permissions: [
      ...(['partner.read', 'partner.contact.read', 'contract.read', 'usage.read'] as const),
      ...(['price.wholesale.read', 'price.retail.read', 'run.read', 'run.manage'] as const),
      ...(['bill.run', 'invoice.read', 'invoice.finalise', 'alarm.read'] as const),
    ],
  },
];
