// The two ends do not agree on TLS: one speaks plain text and the other does not, or the certificate is none that we trust,
// is for another name, or ours is none that the server trusts.

import type { Answered, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastLogged, logFact, severityOfLoss } from '../readings/reading.ts'

// Source: SSL_get_error texts that Redis src/tls.c logs of OpenSSL 1.1 and 3.
const PLAIN_CLIENT = /Error accepting a client connection: .*(?:wrong version number|http request|unknown protocol)/
const RECENT_MS = 60_000
const EXPIRED = /EXPIRED/

export default {
  asks: 'Does one end speak TLS and the other not, or not trust it?',

  look(server, evidence) {
    const { answer, certificate } = server
    if (certificate?.unasked === true)
      return disagree(server, `speaks TLS, and we came with plain text: write rediss://`)
    if (answer.id === 'tls' && /plain text|wrong version number/.test(answer.text ?? '') && certificate === undefined)
      return disagree(server, 'speaks plain text, and we came with TLS: write redis://')
    if (certificate?.distrust !== undefined && !EXPIRED.test(certificate.distrust) && answer.id === 'tls')
      return disagree(
        server,
        `shows a certificate that we do not trust: ${WORDS[certificate.distrust] ?? certificate.distrust}`,
      )
    if (answer.id === 'tls' && /alert/i.test(answer.text ?? '') && certificate?.distrust === undefined)
      return disagree(server, `refuses our certificate: ${answer.text}`)
    return others(server, evidence)
  },
} satisfies ServerCheck

const WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it signed itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is none that we know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is none that we know',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is none that we know',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name',
  CERT_NOT_YET_VALID: 'its time has not begun',
}

function disagree(server: ServerEvidence, how: string): Answered {
  const { id, answer, certificate } = server
  return {
    kind: 'fault',
    severity: severityOfLoss(server),
    says: `${id} ${how}. The server itself may be well.`,
    evidence: [
      { source: 'a new connection', name: answer.id, value: answer.text ?? answer.id },
      ...(certificate === undefined
        ? []
        : [
            {
              source: 'the TLS handshake',
              name: 'certificate',
              value: `${certificate.subject}, signed by ${certificate.issuer}${certificate.distrust === undefined ? '' : `: ${certificate.distrust}`}`,
            },
          ]),
    ],
    ruledOut: [
      ...(certificate === undefined ? [] : [{ check: 'tls-expired', by: 'its certificate has not expired' }]),
      { check: 'process-down', by: 'somebody accepts the connection' },
      { check: 'maxclients-reached', by: 'a full server would not have gone so far' },
    ],
    alerts: ['RedisDown'],
  }
}

/** Others who come with plain text to a port for TLS: the server writes each one down, and not who it was. */
function others(server: ServerEvidence, evidence: Evidence): Answered {
  if (server.answer.id !== 'ok' || server.certificate === undefined) return undefined
  const last = lastLogged(server, evidence, PLAIN_CLIENT, { withinMs: RECENT_MS, sinceStart: true })
  if (last === undefined) return undefined
  const count = (server.log?.entries ?? []).filter(
    ({ text, at = 0 }) => PLAIN_CLIENT.test(text) && at > evidence.takenAt - RECENT_MS,
  ).length
  return {
    kind: 'fault',
    severity: 'warning',
    says: `Somebody speaks plain text to the TLS port of ${server.id}: ${count} connections failed so in the last minute.`,
    first: 'Find that client (its address is in the log at verbose) and give it TLS, or the port without.',
    evidence: [logFact(last)],
    ruledOut: [{ check: 'tls-expired', by: 'what fails is the first word of the client, not a certificate' }],
  }
}
