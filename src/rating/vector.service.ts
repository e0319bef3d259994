import { readFile } from 'node:fs/promises';
import { DomainError } from '../kernel/index.js';
import type { VectorErrorCode } from './errors.js';
import { stagesOfThread } from './stages.store.js';
import type { VectorDifference } from './vector-compare.js';
import { type VectorFile, vectorFile, vectorSchema } from './vector-format.js';
import { type CaseResult, runCase } from './vector-run.js';

/** What a file of vectors came to. */
export interface FileResult {
  readonly file: string;
  readonly cases: readonly CaseResult[];
}

/**
 * Rates the cases of one file. Refuses with VECTOR_UNREADABLE a file that cannot be read or is no
 * JSON, and with VECTOR_INVALID one that breaks the format; details name file and place.
 */
export async function runVectors(file: string): Promise<FileResult> {
  let content: unknown;
  try {
    // Editors of Windows begin a file with a mark that JSON does not know.
    content = JSON.parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const code: VectorErrorCode = 'VECTOR_UNREADABLE';
    throw new DomainError(code, `${file}: ${why}`, { file });
  }
  return inFile(file, () => {
    const vectors: VectorFile = vectorFile(content, '$');
    const cases = vectors.cases.map((one, place) =>
      inFile(`cases[${place}] "${one.name}"`, () => runCase(vectors, one, stagesOfThread())),
    );
    return { file, cases };
  });
}

function inFile<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const details = { ...error.details, file: where };
    throw new DomainError(error.code, `${where}: ${error.message}`, details);
  }
}

/**
 * The command `vectors FILE...`: prints each difference with its explanation and answers the exit
 * status, 0 only when there is none. `vectors --schema` prints the format as JSON Schema.
 */
export async function vectorsCommand(
  files: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  if (files.length === 0) {
    say('vectors FILE.json [FILE.json ...] | vectors --schema');
    return 2;
  }
  if (files[0] === '--schema') {
    say(JSON.stringify(vectorSchema(), null, 2));
    return 0;
  }
  let failed = false;
  for (const file of files) {
    try {
      const { cases } = await runVectors(file);
      const wrong = cases.filter(({ differences }) => differences.length > 0);
      const events = cases.reduce((sum, one) => sum + one.events, 0);
      say(`${file}: ${cases.length} cases, ${events} events, ${wrong.length} cases differ`);
      for (const one of wrong) {
        for (const line of caseLines(one)) say(line);
      }
      failed ||= wrong.length > 0;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      say(`${error.code}: ${error.message}`);
      failed = true;
    }
  }
  return failed ? 1 : 0;
}

function caseLines({ name, differences }: CaseResult): string[] {
  return [`  ${name}`, ...differences.flatMap(differenceLines)];
}

function differenceLines(difference: VectorDifference): string[] {
  const { where, expected, answered, explanation } = difference;
  return [
    `    ${where}: expected ${expected}, answered ${answered}`,
    ...explanation.map((line) => `      ${line}`),
  ];
}
