// The arrows of the house, read by `npm run check:arrows`. The order of the folders is the one
// array in test/tidy/arrows.json; everything below is derived from it.
const { Visitor } = require('@swc/core/Visitor.js');
const ARROWS = require('./test/tidy/arrows.json');

// TypeScript 7 has no compiler API, so the cruiser reads the source with swc, whose visitor stops
// at `using` declarations. They hold expressions like any other declaration.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function visitStatementOrUsing(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  statement.decls = this.visitVariableDeclarators(statement.decls);
  return statement;
};

const FOLDERS = ARROWS.join('|');
const WORLD = '\\.(service|resolver|store|worker)\\.ts$';
const OUTSIDE = [
  '^(node:)?(fs|fs/promises|net|http|https|http2|tls|dgram|dns|child_process|cluster)$',
  '^(node:)?(worker_threads|process|os|readline|timers|timers/promises)$',
  '(^|/)node_modules/(@fastify/|fastify|pg|pg-copy-streams|typeorm|pino|ws|graphql-ws)(/|$)',
];

/** Folders that come after the given one: it may not import them. */
function below(folder) {
  return ARROWS.slice(ARROWS.indexOf(folder) + 1).join('|');
}

const direction = ARROWS.slice(0, -1).map((folder) => ({
  name: `arrow-${folder}`,
  comment: `${folder} may import only the folders before it in test/tidy/arrows.json.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: `^src/(${below(folder)})/` },
}));

module.exports = {
  forbidden: [
    ...direction,
    {
      name: 'through-the-index',
      comment:
        'Another folder is entered by index.ts, thread.ts or thread.stage.ts; it owns the rest.',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: {
        path: '^src/[^/]+/',
        pathNot: ['^src/$1/', '^src/[^/]+/(index|thread|thread\\.stage)\\.ts$'],
      },
    },
    {
      name: 'root-through-the-index',
      comment: 'The root files put the house together and know only what each folder offers.',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: '^src/[^/]+/index\\.ts$' },
    },
    {
      name: 'not-the-root',
      comment: 'The root files know every folder, so no folder may know them.',
      severity: 'error',
      from: { path: '^src/[^/]+/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'known-folder',
      comment: 'A new folder first takes its place in test/tidy/arrows.json.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${FOLDERS})/` },
      to: {},
    },
    {
      name: 'known-folder-wanted',
      comment: 'A new folder first takes its place in test/tidy/arrows.json.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/(${FOLDERS})/` },
    },
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'kernel-is-values',
      comment: 'The kernel holds values and needs nothing but exact decimals and the calendar.',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: {
        pathNot: ['^src/kernel/', '(^|/)node_modules/(decimal\\.js|temporal-polyfill)/'],
      },
    },
    {
      name: 'pure-without-the-world',
      comment:
        'A file without a dotted suffix is pure: it may not reach files, network or database.',
      severity: 'error',
      from: { path: '^src/[^/]+/[^/.]+\\.ts$', pathNot: '/(index|thread|errors)\\.ts$' },
      to: { path: [...OUTSIDE, `^src/.*${WORLD}`] },
    },
    {
      name: 'product-without-tests',
      comment: 'What ships does not depend on tests, seeds or migrations, or on development tools.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|seeds|migrations)/' },
    },
    {
      name: 'product-without-tools',
      comment:
        'A package that the running program imports is a dependency, not a development tool.',
      severity: 'error',
      from: { path: '^(src|seeds|migrations)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere would escape every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^build/' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
