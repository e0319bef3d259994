import { parentPort, workerData } from 'node:worker_threads';
import writeWorkbook from 'write-excel-file/node';
import { cellRow, headRows, type WorksheetHead } from './workbook.js';

/** Puts a workbook together on a thread of its own: it takes seconds, and is not done in pieces. */
const head = workerData as WorksheetHead;
const data = headRows(head);

parentPort?.on('message', (rows: readonly (string | null)[][] | 'end') => {
  if (rows !== 'end') {
    for (const cells of rows) data.push(cellRow(head, cells));
    return;
  }
  void writeWorkbook(data, { sheet: head.sheet })
    .toBuffer()
    .then((bytes) => parentPort?.postMessage(new Uint8Array(bytes)));
});
