import { TextDecoder } from 'node:util';
import sax, { type QualifiedTag, type SAXParser, type Tag } from 'sax';
import { DomainError } from '../kernel/index.js';

/** What a part of a workbook is read by. Names come without prefix. */
export interface PartReader {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(name: string): void;
}

const MAX_DEPTH = 64;
const MAX_ATTRIBUTES = 256;
/** Characters of one text, name or value; a cell holds 32,767. */
const MAX_TEXT = 256 * 1024;

/** The XML of one part, read piece by piece. Refuses with SHEET_UNREADABLE what is no plain XML. */
export class XmlPart {
  readonly #xml: SAXParser;
  #decoder: TextDecoder | undefined;

  constructor(reader: PartReader) {
    this.#xml = parserFor(reader);
  }

  write(chunk: Buffer): void {
    this.#decoder ??= decoderOf(chunk);
    this.#xml.write(this.#decoder.decode(chunk, { stream: true }));
    if (pending(this.#xml) > MAX_TEXT) throw unreadable(new Error('A text has no end.'));
  }

  end(): void {
    this.#xml.close();
  }
}

function decoderOf(head: Buffer): TextDecoder {
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder('utf-16le');
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder('utf-16be');
  return new TextDecoder('utf-8', { fatal: true });
}

// Entities that a document declares itself are not known to the parser, so nothing expands.
function parserFor(reader: PartReader): SAXParser {
  const xml = sax.parser(true, { position: false });
  let [depth, attributes] = [0, 0];
  xml.onerror = (error) => {
    throw unreadable(error);
  };
  xml.ondoctype = () => {
    throw unreadable(new Error('A workbook declares no document type.'));
  };
  xml.onattribute = () => {
    attributes += 1;
    if (attributes > MAX_ATTRIBUTES) throw unreadable(new Error('An element has no end.'));
  };
  xml.onopentag = (tag: Tag | QualifiedTag) => {
    attributes = 0;
    depth += 1;
    if (depth > MAX_DEPTH) throw unreadable(new Error('Elements nest without end.'));
    reader.open(bare(tag.name), tag.attributes as Record<string, string>);
  };
  xml.ontext = (text) => reader.text?.(text);
  xml.oncdata = (text) => reader.text?.(text);
  xml.onclosetag = (name) => {
    depth -= 1;
    reader.close?.(bare(name));
  };
  return xml;
}

/** Where the parser keeps what has begun and not yet ended. */
const PENDING = ['textNode', 'attribValue', 'attribName', 'tagName', 'comment', 'cdata'];
const PENDING_RARELY = ['doctype', 'entity', 'sgmlDecl', 'procInstName', 'procInstBody'];

// The parser bounds none of it while it does not count positions, which takes time.
function pending(xml: SAXParser): number {
  const kept = xml as unknown as Readonly<Record<string, string | undefined>>;
  return Math.max(...[...PENDING, ...PENDING_RARELY].map((name) => kept[name]?.length ?? 0));
}

/** A name without its prefix. */
export function bare(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** The refusal of a workbook that cannot be read. */
export function unreadable(error: unknown): DomainError {
  const reason = error instanceof Error ? error.message.split('\n')[0]?.slice(0, 200) : '';
  return new DomainError('SHEET_UNREADABLE', 'The workbook is damaged or protected.', { reason });
}
