import { registerEnumType } from 'type-graphql';

/**
 * Declares a GraphQL enum whose values are their own names, with a sentence for each. Returns the
 * values as an object, so that `keyof typeof X` is the TypeScript type.
 */
export function enumType<K extends string>(
  name: string,
  description: string,
  values: Readonly<Record<K, string>>,
): { readonly [P in K]: P } {
  const keys = Object.keys(values) as K[];
  const object = Object.fromEntries(keys.map((key) => [key, key])) as { [P in K]: P };
  const valuesConfig = Object.fromEntries(keys.map((key) => [key, { description: values[key] }]));
  registerEnumType(object, { name, description, valuesConfig: valuesConfig as never });
  return object;
}
