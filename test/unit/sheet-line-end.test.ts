import { expect, it } from 'vitest';
import { lineEndsOf } from '../../src/catalog/sheet-line-end.js';

const ALONE = ['\r\n', '\n', '\r'];
const NEVER_ALONE = ['\r\n', '\n'];

it.each([
  ['ends the first line', 'a,b\r1,2\r', ALONE],
  ['ends the first line and no other', 'a,b\r1,2\n3,4\r\n', ALONE],
  ['stands behind a break between quotes', '\ufeff"a\nb",c\r1,2\r', ALONE],
  ['stands in a later line', 'a,b\n1,2\r,3\n', NEVER_ALONE],
  ['stands between quotes', 'a;"b\rc"\n1;2\n', NEVER_ALONE],
  ['belongs to a line feed', 'a,b\r\n1,2\n', NEVER_ALONE],
  ['is no part of the text', 'a,b', NEVER_ALONE],
  ['comes after quotes within a cell', 'a 5",b\r1,"x\ny"\r', ALONE],
])('takes a carriage return that %s for what it is', (_, head, ends) => {
  expect(lineEndsOf(head)).toEqual(ends);
});
