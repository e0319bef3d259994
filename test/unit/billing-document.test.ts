import { once } from 'node:events';
import fc from 'fast-check';
import PDFDocument from 'pdfkit';
import { describe, expect, it } from 'vitest';
import { documentParty, plainLine } from '../../src/billing/document.js';
import { renderInvoicePdf } from '../../src/billing/invoice-pdf.service.js';
import { tableRows } from '../../src/billing/invoice-table.js';
import { sectionKeys } from '../../src/billing/invoice-text.js';
import { shorten, wrapText } from '../../src/billing/wrap-text.js';
import { Random } from '../bench/random.js';
import { actingPart, documentFault } from '../fixtures/hostile-document.js';
import { aDocument, aLine, aParty } from '../fixtures/invoice-document.js';

const byCharacter = (text: string) => [...text].length;

describe('text that has to fit', () => {
  it('breaks between words, cuts long words, and ends in an ellipsis', () => {
    expect(wrapText('one two three', 7, 3, byCharacter)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghij kl', 4, 4, byCharacter)).toEqual(['abcd', 'efgh', 'ij', 'kl']);
    expect(wrapText('abcdefghi kl', 5, 4, byCharacter)).toEqual(['abcde', 'fghi', 'kl']);
    expect(wrapText('one two three four', 7, 2, byCharacter)).toEqual(['one two', 'three…']);
    expect(wrapText('', 7, 2, byCharacter)).toEqual([]);
    expect(shorten('abcdef', 4, byCharacter)).toBe('abc…');
  });

  it('never exceeds width or lines, and keeps everything that fits', () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }));
    fc.assert(
      fc.property(
        words,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        (list, width, most) => {
          const text = list.join(' ');
          const lines = wrapText(text, width, most, byCharacter);
          expect(lines.length).toBeLessThanOrEqual(most);
          for (const line of lines) expect(byCharacter(line)).toBeLessThanOrEqual(width);
          const whole = (part: string) => part.replaceAll(' ', '');
          const kept = whole(lines.join(''));
          if (!kept.endsWith('…')) expect(kept).toBe(whole(text));
          else expect(whole(text).startsWith(kept.slice(0, -1))).toBe(true);
        },
      ),
    );
  });
});

describe('names on a document', () => {
  it('show what they say: no control characters, no marks that reorder text', () => {
    expect(plainLine('A\u0000B\tC\nD')).toBe('A B C D');
    expect(plainLine('abc\u202Etxt\u200B')).toBe('abctxt');
    expect(plainLine('  Zażółć   Gęślą ')).toBe('Zażółć Gęślą');
  });

  it('take the registered name and drop empty lines of the address', () => {
    const party = documentParty({
      name: 'Acme',
      legalName: 'Acme Telecom Ltd',
      address: ' 1 High Street\r\n\nLondon ',
      country: 'GB',
      taxNumber: ' ',
      email: null,
    });
    expect(party).toEqual({
      name: 'Acme Telecom Ltd',
      address: ['1 High Street', 'London'],
      country: 'GB',
      taxNumber: null,
      email: null,
    });
  });
});

describe('the rows of an invoice', () => {
  it('stand by section, with a subtotal where there is more than one line', () => {
    const fee = { kind: 'PERIODIC_FEE', section: 'PERIODIC_FEE', service: null } as const;
    const rows = tableRows(
      aDocument(
        [
          aLine(1, { ...fee, description: 'Base', records: '12', basis: '358.80', net: '358.80' }),
          aLine(2, {
            ...fee,
            description: 'Part',
            records: '3',
            basis: '46.29677418',
            net: '46.30',
          }),
          aLine(3, { section: 'DATA', service: 'DATA', billedQuantity: '1234567' }),
        ],
        { language: 'de' },
      ),
    );
    expect(
      rows.map((row) => [row.style, row.description, row.count, row.quantity, row.net]),
    ).toEqual([
      ['SECTION', 'Monatliche Entgelte', '', '', ''],
      ['LINE', 'Base', '12', '× 29,90', '358,80'],
      ['LINE', 'Part', '3', '', '46,30'],
      ['SUBTOTAL', 'Zwischensumme Monatliche Entgelte', '', '', '405,10'],
      ['SECTION', 'Datennutzung', '', '', ''],
      ['LINE', 'Destination 3', '1.234', '1,23 MB', '1.234,56'],
    ]);
  });
});

describe('the PDF of an invoice', () => {
  const pages = (pdf: Buffer) => pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length;

  it('has the same bytes every time', async () => {
    const document = aDocument([aLine(1), aLine(2)]);
    const first = await renderInvoicePdf(document);
    expect((await renderInvoicePdf(document)).equals(first)).toBe(true);
    expect((await renderInvoicePdf({ ...document, number: 'INV-2026-000002' })).equals(first)).toBe(
      false,
    );
  });

  it('grows by pages and holds nothing that acts', async () => {
    const lines = sectionKeys.flatMap((section, place) =>
      Array.from({ length: 15 }, (_, n) => aLine(place * 15 + n + 1, { section })),
    );
    expect(pages(await renderInvoicePdf(aDocument([aLine(1)])))).toBe(1);
    const long = await renderInvoicePdf(aDocument(lines));
    expect(pages(long)).toBe(4);
    expect(actingPart(long)).toBeNull();
  });

  it('would be known to act when it held a link', async () => {
    const pdf = new PDFDocument();
    const parts: Buffer[] = [];
    pdf.on('data', (part: Buffer) => parts.push(part));
    pdf.text('Pay here', { link: 'javascript:alert(1)' }).end();
    await once(pdf, 'end');
    expect(actingPart(Buffer.concat(parts))).toContain('javascript:alert');
  });

  it('says what the data says, whatever it is', async () => {
    const random = new Random(20_261_122);
    for (let n = 0; n < 30; n += 1) expect(await documentFault(random)).toBeNull();
  });

  it('takes names and numbers of any length', async () => {
    const name = 'Donaudampfschifffahrtsgesellschaft '.repeat(300);
    const document = aDocument([aLine(1, { description: name, records: '9'.repeat(18) })], {
      seller: aParty(name, { address: Array.from({ length: 30 }, () => name) }),
      buyer: aParty(name, { address: Array.from({ length: 30 }, () => name), taxNumber: name }),
      contract: { number: name, name },
    });
    expect(pages(await renderInvoicePdf(document))).toBe(1);
  });
});
