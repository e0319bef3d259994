import {
  type Database,
  type RouteModule,
  requirePermission,
  requireRouteViewer,
} from '../platform/index.js';
import type { InvoiceService } from './invoice.service.js';

/** `GET /documents/invoices/:id.pdf`: the PDF of an invoice that the user may see. */
export function invoiceRoute(database: Database, invoices: InvoiceService): RouteModule {
  return (fastify, deps) => {
    fastify.get<{ Params: { id: string } }>(
      '/documents/invoices/:id.pdf',
      async (request, reply) => {
        const viewer = await requireRouteViewer(request, deps);
        requirePermission(viewer, 'invoice.read');
        const { bytes, name } = await database.read({ partnerId: viewer.partnerId }, (tx) =>
          invoices.pdf(tx, request.params.id),
        );
        reply.header('content-type', 'application/pdf');
        reply.header('content-disposition', `inline; filename="${name}"`);
        reply.header('cache-control', 'private, no-store');
        return reply.send(bytes);
      },
    );
  };
}
