import { codeOnly } from './code-only.js';

/** A file of the project: its path from the root, with forward slashes, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** A rule of the house: the breaches in one file, each as `path:line what is wrong`. */
export type Rule = (source: Source) => string[];

const MAX_COLUMNS = 100;
const MAX_LINES = 500;
const MAX_README_LINES = 100;
const CODE = /\.(?:ts|mjs|cjs|js|css)$/;
const KINDS = ['entity', 'input', 'resolver', 'service', 'stage', 'store', 'worker'];
const BANNED_WORDS = ['common', 'handler', 'helper', 'impl', 'manager', 'util'];

function matches(source: Source, text: string, pattern: RegExp, why: string): string[] {
  return text
    .split('\n')
    .flatMap((line, at) => (pattern.test(line) ? [`${source.path}:${at + 1} ${why}`] : []));
}

/** Whether the house counts this file as pure: no dotted suffix, in a folder of src. */
function isPure(path: string): boolean {
  return /^src\/[^/]+\/[^/.]+\.ts$/.test(path) && !/\/(?:index|thread|errors)\.ts$/.test(path);
}

/** Lines of code keep to 100 columns; a test may hold one long literal on a line of its own. */
export const lineLength: Rule = (source) => {
  if (!CODE.test(source.path)) return [];
  const literal = /^\s*(?:\w+: )?(['"`]).*\1[,;)]*$/;
  return source.text.split('\n').flatMap((line, at) => {
    if (line.length <= MAX_COLUMNS) return [];
    if (source.path.startsWith('test/') && literal.test(line)) return [];
    return [`${source.path}:${at + 1} has ${line.length} columns, ${MAX_COLUMNS} is the limit`];
  });
};

/** A file that has outgrown its limit holds more than one thing. */
export const fileLength: Rule = ({ path, text }) => {
  const lines = text.trimEnd().split('\n').length;
  return CODE.test(path) && lines > MAX_LINES
    ? [`${path}:${lines} has ${lines} lines, ${MAX_LINES} is the limit`]
    : [];
};

/** Names are kebab-case, say what is in the file, and carry only the dotted suffixes we know. */
export const fileName: Rule = ({ path }) => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const words = name.toLowerCase().split(/[-._]/);
  const banned = words.find((word) => BANNED_WORDS.includes(word.replace(/s$/, '')));
  const found: string[] = [];
  if (CODE.test(path) && banned) found.push(`${path}:1 "${banned}" says nothing about the file`);
  if (!path.startsWith('src/') || !path.endsWith('.ts')) return found;
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*\.ts$/.test(name)) {
    found.push(`${path}:1 is not kebab-case`);
  }
  const suffix = /\.(.+)\.ts$/.exec(name)?.[1];
  if (suffix !== undefined && !KINDS.includes(suffix)) {
    found.push(`${path}:1 has the suffix .${suffix}, known are ${KINDS.join(', ')}`);
  }
  if (path.split('/').length > 3) found.push(`${path}:1 lies too deep: folders of src are flat`);
  return found;
};

const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\b(?:await|async)\b/, 'waits'],
  [/\bDate\.now\b|\bnew Date\(\s*\)|\bTemporal\.Now\b|\bperformance\./, 'reads the clock'],
  [/\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b/, 'draws at random'],
  [/\bprocess\.|\bconsole\.|\bglobalThis\./, 'reaches into the process'],
  [/\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\s*\(/, 'touches the world'],
];

const IMPURE_IMPORT =
  /(?:from|import)\s*\(?\s*['"](?:node:(?!assert|buffer|util)|fs\b|net\b|https?\b|pg\b|typeorm)/;

/** Pure files decide from plain data: no waiting, clock, randomness, process, files or database. */
export const pureFile: Rule = (source) => {
  if (!isPure(source.path)) return [];
  const code = codeOnly(source.text);
  const found = IMPURE.flatMap(([pattern, what]) =>
    matches(source, code, pattern, `is pure by its name but ${what}`),
  );
  const imports = matches(source, source.text, IMPURE_IMPORT, 'is pure but imports the world');
  const hot = /^src\/(?:mediation|rating)\//.test(source.path)
    ? matches(source, source.text, /from 'decimal\.js'/, 'is hot: decimal.js is for the edges')
    : [];
  return [...found, ...imports, ...hot];
};

const SQL = /\b(?:SELECT\s.+\sFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b|\.query\(/;

/** Resolvers ask for a permission and make one call; entities and inputs know no queries. */
export const room: Rule = (source) => {
  const kind = /\.(resolver|entity|input)\.ts$/.exec(source.path)?.[1];
  if (kind === undefined) return [];
  const found = matches(source, source.text, SQL, `is a ${kind} and may not contain SQL`);
  const code = codeOnly(source.text);
  const tries = kind === 'resolver' ? matches(source, code, /\btry\s*\{/, 'may not catch') : [];
  const orm =
    kind === 'input' ? matches(source, source.text, /from 'typeorm'/, 'may not know the ORM') : [];
  return [...found, ...tries, ...orm];
};

/** What is left for later is an issue of its own, not a note in the text. */
export const leftovers: Rule = (source) =>
  matches(source, source.text, /\b(?:TO-?DO|FIX-?ME)\b|(?:\/\/|\*|#)\s*XX[X]\b/, 'is a leftover');

const MACHINE_PATH = /(?<![\w.})\]/-])\/(?:work|root|tmp|Users|home\/\w+)\/|[A-Z]:\\\\?Users\\/;

/** No path of somebody's machine: the project lives wherever it was cloned to. */
export const machinePath: Rule = (source) =>
  matches(source, source.text, MACHINE_PATH, 'names a path of one machine');

/** A page has one title; the README of a folder fits on one page. */
export const onePage: Rule = ({ path, text }) => {
  if (!path.endsWith('.md')) return [];
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  const titles = prose.split('\n').filter((line) => /^# \S/.test(line)).length;
  const lines = text.trimEnd().split('\n').length;
  const found = titles === 1 ? [] : [`${path}:1 has ${titles} titles, a page has one`];
  if (/^src\/.*README\.md$/.test(path) && lines > MAX_README_LINES) {
    found.push(`${path}:${lines} has ${lines} lines, a README is one page`);
  }
  return found;
};

/** A type imported inside an expression would escape the arrows. */
export const inlineImportType: Rule = (source) =>
  source.path.endsWith('.ts')
    ? matches(
        source,
        source.text,
        /(?<!await )\bimport\(['"][^'"]+['"]\)\s*[.[]/,
        'hides an import',
      )
    : [];

/** A suppression says why. */
export const suppression: Rule = (source) => [
  ...matches(source, source.text, /@ts-(?:nocheck|ignore)\b/, 'switches the compiler off'),
  ...matches(source, source.text, /@ts-expect-error(?!.{12,})/, 'suppresses without a reason'),
];

/** Folders of src have their place among the arrows and a README that says what they own. */
export function folders(paths: readonly string[], arrows: readonly string[]): string[] {
  const inside = paths.filter((path) => /^src\/[^/]+\//.test(path));
  const found = [...new Set(inside.map((path) => path.split('/')[1] as string))];
  return found
    .sort()
    .flatMap((folder) => [
      ...(arrows.includes(folder) ? [] : [`src/${folder}:1 has no place among the arrows`]),
      ...(paths.includes(`src/${folder}/README.md`) ? [] : [`src/${folder}:1 has no README.md`]),
      ...(paths.includes(`src/${folder}/index.ts`) ? [] : [`src/${folder}:1 has no index.ts`]),
    ]);
}

/** The lock names packages by version and digest, not by the host that one machine asked. */
export const lockedHost: Rule = (source) =>
  source.path === 'package-lock.json'
    ? matches(
        source,
        source.text,
        /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/,
        'names the registry of one machine',
      )
    : [];
