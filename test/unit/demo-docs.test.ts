import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';

const GUIDES = readdirSync('docs').filter((name) => name.endsWith('.md'));
const PAGES = ['README.md', 'CHANGELOG.md', ...GUIDES.map((name) => `docs/${name}`)];
const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));

function blocks(page: string): string[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, block = '']) => block);
}

describe('The guides', () => {
  it('show operations that the schema has', () => {
    const faults = PAGES.flatMap((page) =>
      blocks(page).flatMap((block) =>
        validate(schema, parse(block)).map(({ message }) => `${page}: ${message}`),
      ),
    );
    expect(faults).toEqual([]);
    expect(PAGES.flatMap(blocks).length).toBeGreaterThan(15);
  });

  it('link to pages that exist', () => {
    const broken = PAGES.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#]+)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => !existsSync(join(dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name only commands that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    const named = PAGES.flatMap((page) => [
      ...readFileSync(page, 'utf8').matchAll(/npm run ([a-z:]+)/g),
    ]).map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
