// What a failure on the way to a cloud means: no connection, a connection that broke, a certificate, a status of HTTP.

import { reasonOf } from '../../lib/fault.ts'
import type { Failure } from './storage-unit.ts'

const MOST_SHOWN = 200
const REACH_HINT = 'Look at the endpoint, the network, a proxy and a firewall between here and there.'
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT|ERR_SSL|EPROTO$|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(?:VERIFY|GET_ISSUER)|HOSTNAME_MISMATCH)/

/** An error that is no answer. Whatever is not known may go better in a moment. */
export function explainNetworkError(error: unknown): Failure {
  const { code } = error as { code?: unknown }
  const text = firstWords(reasonOf(error))
  const why = typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text
  if (typeof code === 'string' && CERTIFICATE.test(code))
    return { kind: 'never', why, hint: 'If its authority is your own: NODE_EXTRA_CA_CERTS=/path/to/ca.pem' }
  return { kind: 'again', why, hint: REACH_HINT }
}

/** An answer with a status that says enough by itself, or undefined. Source: RFC 9110, 15; AWS, "Error responses". */
export function explainStatus(status: number, why: string, retryAfter?: string): Failure | undefined {
  if (status === 501) return { kind: 'unsupported', why }
  if (status === 507) return { kind: 'later', why, hint: 'The store is full.' }
  if (status === 408 || status === 429 || status >= 500)
    return { kind: 'again', why, hint: 'The store is in trouble or busy.', afterMs: retryAfterMs(retryAfter) }
  return undefined
}

/** Seconds; the date that may stand there too is not worth a clock that may be wrong. Source: RFC 9110, 10.2.3. */
function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined
}

/** The first line, and not too much of it. */
export function firstWords(text: string): string {
  const [line = ''] = text.trim().split(/[\r\n]/)
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line
}
