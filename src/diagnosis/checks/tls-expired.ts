// A certificate whose time is over, or soon will be. A server starts and runs with an expired one and warns nobody; every
// new client is refused. Seen by a handshake alone, before anybody logs in.

import { formatDuration } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { CertificateSeen, Evidence, ServerEvidence } from '../evidence.ts'
import { severityOfLoss } from '../readings/reading.ts'

const SOON_MS = 14 * 86_400_000
const VERY_SOON_MS = 3 * 86_400_000

export default {
  asks: 'Has a certificate expired, or will it soon?',

  look(server, evidence) {
    const { certificate } = server
    if (certificate === undefined) return undefined
    const [first] = endsOf(certificate).toSorted((a, b) => a.at - b.at)
    if (first === undefined || first.at - evidence.takenAt > SOON_MS) return undefined
    return first.at <= evidence.takenAt ? expired(server, evidence, first) : expiring(server, evidence, first)
  },
} satisfies ServerCheck

interface End {
  readonly whose: string
  readonly at: number
}

function endsOf({ notAfter, authorityNotAfter, own, subject }: CertificateSeen): End[] {
  return [
    { whose: `the certificate of the server (${subject})`, at: notAfter },
    ...(authorityNotAfter === undefined ? [] : [{ whose: 'the certificate of its authority', at: authorityNotAfter }]),
    ...(own === undefined ? [] : [{ whose: `the certificate that Respite shows (${own.subject})`, at: own.notAfter }]),
  ]
}

function factsOf({ certificate, answer }: ServerEvidence, { at }: End): Fact[] {
  return [
    { source: 'the TLS handshake', name: 'notAfter', value: new Date(at).toISOString() },
    { source: 'the TLS handshake', name: 'issuer', value: certificate?.issuer ?? '' },
    ...(answer.id === 'ok' ? [] : [{ source: 'a new connection', name: answer.id, value: answer.text ?? answer.id }]),
  ]
}

const RELOAD = {
  id: 'reload-certificate',
  why: 'a new file under the same name is read without a restart; connections that stand go on',
} as const

function expired(server: ServerEvidence, { takenAt }: Evidence, end: End): Answered {
  const ago = formatDuration(takenAt - end.at)
  return {
    kind: 'fault',
    severity: end.whose.includes('Respite') ? 'warning' : severityOfLoss(server),
    says: `${capital(end.whose)} expired ${ago} ago: new connections to ${server.id} are refused by whoever looks at it. The server itself is well.`,
    evidence: factsOf(server, end),
    ruledOut: [
      { check: 'tls-mismatch', by: 'both ends speak TLS, and it is the date that does not hold' },
      { check: 'process-down', by: 'it answers the handshake' },
    ],
    alerts: ['RedisDown'],
    brings: ['tls-mismatch', { check: 'replication-link-down', on: 'every server' }],
    actions: [RELOAD],
  }
}

function expiring(server: ServerEvidence, { takenAt }: Evidence, end: End): Answered {
  const leftMs = end.at - takenAt
  return {
    kind: 'risk',
    severity: leftMs <= VERY_SOON_MS ? 'critical' : 'warning',
    says: `${capital(end.whose)} expires in ${formatDuration(leftMs)}: from then on new connections to ${server.id} are refused.`,
    evidence: factsOf(server, end),
    actions: [RELOAD],
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
