import type { FastifyRequest } from 'fastify';
import type { Credentials } from './gate.service.js';

const USER_AGENT_CHARACTERS = 200;

/** With what a request over HTTP asks to be let in: headers, never the address. */
export function credentialsOf(request: FastifyRequest): Credentials {
  const { authorization, 'kontor-partner': partner, 'user-agent': userAgent } = request.headers;
  return {
    authorization,
    partner: partner?.toString(),
    address: request.ip,
    userAgent: userAgent?.slice(0, USER_AGENT_CHARACTERS),
  };
}
