import { invariant } from '../../src/kernel/index.js';
import { type FormatDefinition, formatPresets } from '../../src/mediation/index.js';
import { ZONE } from './month.js';
import { demoSources } from './world.js';

/** The format of each source: presets, with the habits of Berlin where they need to be told. */
export const berlinFormats: Readonly<Record<string, FormatDefinition>> = {
  [demoSources.gateway.name]: preset('kontor'),
  [demoSources.cloud.name]: {
    ...preset('asterisk-master'),
    timeZone: ZONE,
    numberRules: { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] },
  },
  [demoSources.transit.name]: { ...preset('wholesale-switch'), timeZone: ZONE },
};

function preset(name: string): FormatDefinition {
  const found = formatPresets[name];
  invariant(found !== undefined, `there is a preset ${name}`);
  return found;
}
