import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rolePresets } from '../../src/identity/index.js';
import {
  dangerousAmong,
  permissionNames,
  permissions,
  unknownPermissions,
  withImplied,
} from '../../src/identity/permission.js';

const PAGE = readFileSync('docs/access.md', 'utf8');

function tableOf(): string {
  const rows = permissionNames.map((name) => {
    const brought = [...withImplied([name])].filter((each) => each !== name);
    const totp = dangerousAmong([name]).length > 0 ? 'yes' : '';
    const includes = brought.map((each) => `\`${each}\``).join(', ');
    return `| \`${name}\` | ${permissions[name]} | ${includes} | ${totp} |`;
  });
  const head = ['| permission | lets | brings with it | one-time passwords |', '|---|---|---|---|'];
  return `${[...head, ...rows].join('\n')}\n`;
}

describe('The guide to access', () => {
  it('lists every permission as it is', () => {
    const shown = /<!-- permissions -->\n([\s\S]*)<!-- \/permissions -->/.exec(PAGE)?.[1];
    expect(shown).toBe(tableOf());
  });
});

describe('presets of roles', () => {
  it('are made of permissions that there are, each once', () => {
    for (const { permissions: names } of rolePresets) {
      expect(unknownPermissions(names)).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('let an auditor see all and change nothing', () => {
    const auditor = rolePresets.find(({ name }) => name === 'Auditor')?.permissions ?? [];
    expect(auditor.filter((name) => /manage|run$|import|finalise|activate/.test(name))).toEqual([]);
    expect(permissionNames.filter((name) => name.endsWith('.read'))).toEqual(
      auditor.filter((name) => name !== 'schema.introspect'),
    );
  });
});
