/** A QR code as a `data:` URI that a page can show as an image. */
export async function qrCode(text: string, format: 'PNG' | 'SVG'): Promise<string> {
  // Loaded by who needs it: every other process starts without it.
  const { default: QRCode } = await import('qrcode');
  if (format === 'PNG') return QRCode.toDataURL(text, { errorCorrectionLevel: 'M' });
  const svg = await QRCode.toString(text, { type: 'svg', errorCorrectionLevel: 'M' });
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
