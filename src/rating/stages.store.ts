import { readFileSync } from 'node:fs';
import { ThreadStages } from './thread-stages.js';

let stages: ThreadStages | undefined;

/** The stages of this thread; their code is read when they are first asked for. */
export function stagesOfThread(): ThreadStages {
  const code = new URL('./stages.wasm', import.meta.url);
  stages ??= new ThreadStages(new WebAssembly.Module(readFileSync(code)));
  return stages;
}
