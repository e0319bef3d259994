/** How much a step of a run has done, by what it did. */
export type Figures = Readonly<Record<string, number>>;

/** Both together. */
export function added(a: Figures, b: Figures): Figures {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
