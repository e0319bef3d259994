// What a refusal or a broken assumption says to people is no behaviour that tests pin down; its
// code is. This plugin of Stryker leaves such sentences alone.

const SPEAKERS = new Set(['DomainError', 'Error', 'Bug', 'invariant', 'refused', 'fault']);

function isMessage(path) {
  if (!path.isStringLiteral() && !path.isTemplateLiteral()) return false;
  const { parent, listKey, node } = path;
  if (listKey !== 'arguments' || !SPEAKERS.has(parent.callee?.name)) return false;
  const text = path.isStringLiteral() ? node.value : 'a sentence with values in it';
  return text.includes(' ');
}

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'messages',
    value: { shouldIgnore: (path) => (isMessage(path) ? 'a message for people' : undefined) },
  },
];
