import { describe, expect, it } from 'vitest';
import { dialCountries } from '../../seeds/reference/country-codes.js';
import {
  buildDestinations,
  networkName,
  type ReferenceDestination,
} from '../../seeds/reference/destinations.js';
import { readAreas, readCarriers } from '../../seeds/reference/numbering-plan.js';
import { timeProfiles } from '../../seeds/reference/time-profiles.js';
import { isCountry } from '../../src/kernel/index.js';

const carriers = readCarriers();
const destinations = buildDestinations(dialCountries, carriers);

function lookup(all: readonly ReferenceDestination[]): (number: string) => string | undefined {
  const names = new Map(all.flatMap((each) => each.prefixes.map((prefix) => [prefix, each.name])));
  return (number) => {
    for (let length = number.length; length > 0; length -= 1) {
      const name = names.get(number.slice(0, length));
      if (name !== undefined) return name;
    }
    return undefined;
  };
}

describe('The dial codes', () => {
  it('lead to one country each', () => {
    const codes = dialCountries.flatMap((each) => each.codes);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.every((code) => /^[1-9]\d{0,7}$/.test(code))).toBe(true);
    const names = dialCountries.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('cover every country whose networks the numbering plan knows', () => {
    const codes = new Set(dialCountries.flatMap((each) => each.codes));
    const unknown = [...carriers.keys()].filter(
      (prefix) => ![1, 2, 3, 4].some((length) => codes.has(prefix.slice(0, length))),
    );
    expect(unknown).toEqual([]);
  });
});

describe('The destinations', () => {
  it('are those of the trade: countries, their mobile numbers, their larger networks', () => {
    expect(destinations.length).toBeGreaterThan(600);
    expect(destinations.length).toBeLessThan(1500);
    const find = lookup(destinations);
    expect(find('493012345678')).toBe('Germany');
    expect(find('491721234567')).toBe('Germany Mobile Vodafone');
    expect(find('12423221234')).toBe('Bahamas');
    expect(find('14165551234')).toBe('Canada');
    expect(find('12125551234')).toBe('United States');
    expect(find('77012345678')).toMatch(/^Kazakhstan Mobile/);
    expect(find('74951234567')).toBe('Russia');
    expect(find('881612345678')).toBe('Global Mobile Satellite Iridium satellite');
    expect(find('999123')).toBeUndefined();
  });

  it('give every prefix of the plan the network or the country that it had', () => {
    const find = lookup(destinations);
    const wrong = [...carriers].filter(([prefix, name]) => {
      const found = find(prefix) ?? '';
      if (found.endsWith(' Mobile')) return false;
      const country = dialCountries.find((each) => found.startsWith(each.name));
      return country === undefined || !found.endsWith(networkName(name, country.name));
    });
    expect(wrong.length).toBeLessThan(carriers.size * 0.01);
  });

  it('hold no prefix whose next shorter one leads to the same destination', () => {
    const names = new Map(
      destinations.flatMap((each) => each.prefixes.map((prefix) => [prefix, each.name])),
    );
    const idle = [...names].filter(([prefix, name]) => {
      for (let length = prefix.length - 1; length > 0; length -= 1) {
        const above = names.get(prefix.slice(0, length));
        if (above !== undefined) return above === name;
      }
      return false;
    });
    expect(idle).toEqual([]);
    expect(names.size).toBe(destinations.reduce((sum, each) => sum + each.prefixes.length, 0));
  });

  it('are of countries that createDestination takes, or of none', () => {
    const codes = new Set(destinations.map(({ country }) => country));
    expect([...codes].filter((code) => code !== null && !isCountry(code))).toEqual([]);
  });

  it('are the same whatever order the plan is read in', () => {
    const reversed = new Map([...carriers].reverse());
    expect(buildDestinations(dialCountries, reversed)).toEqual(destinations);
  });

  it('leave a small network among the mobile numbers of its country', () => {
    const country = { country: 'XA', name: 'Exampland', codes: ['42'] };
    const plan = new Map([
      ['427', 'Big'],
      ['4271', 'Big'],
      ['4272', 'Tiny'],
      ['428', 'Other'],
    ]);
    expect(buildDestinations([country], plan)).toEqual([
      { name: 'Exampland', country: 'XA', kind: 'GEOGRAPHIC', prefixes: ['42'] },
      { name: 'Exampland Mobile', country: 'XA', kind: 'MOBILE', prefixes: ['4272'] },
      { name: 'Exampland Mobile Big', country: 'XA', kind: 'MOBILE', prefixes: ['427'] },
      { name: 'Exampland Mobile Other', country: 'XA', kind: 'MOBILE', prefixes: ['428'] },
    ]);
  });

  it('have readable names of networks', () => {
    expect(networkName('TelefÃ³nica  Uno', 'Argentina')).toBe('Telefónica Uno');
    expect(networkName('Orange France', 'France')).toBe('Orange');
    expect(networkName('bmobile', 'Trinidad')).toBe('Bmobile');
  });
});

describe('The areas of the numbering plan', () => {
  it('have their country code before the national digits', () => {
    const areas = readAreas(['49', '1']);
    expect(areas.get('4930')).toBe('Berlin');
    expect(areas.get('1212')).toBe('New York, NY');
    expect(areas.get('30')).toBeUndefined();
    expect(readAreas(['49']).get('1212')).toBeUndefined();
  });
});

describe('The time profiles', () => {
  it('give every minute of the week exactly one band', () => {
    for (const profile of timeProfiles) {
      const minutes = new Uint8Array(7 * 1440);
      for (const rule of profile.bands.flatMap((band) => band.rules)) {
        for (let day = 0; day < 7; day += 1) {
          if (((rule.weekdays >> day) & 1) === 0) continue;
          for (let at = rule.fromMinute; at < rule.toMinute; at += 1) {
            minutes[day * 1440 + at] = (minutes[day * 1440 + at] ?? 0) + 1;
          }
        }
      }
      expect(minutes.every((count) => count === 1)).toBe(true);
    }
  });
});
