// The certificate that the server shows, by a TLS handshake alone: nobody logs in, and a handshake that we would not trust
// is finished all the same, to see what is wrong with it. Where we speak plain text, it is tried only when nobody
// understands us, or where the server says that it has a port for TLS besides.

import { X509Certificate } from 'node:crypto'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { startAlarm } from '../../lib/alarm.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { tlsOptions } from '../../redis/door.ts'
import { showAddress, type Address, type Tls } from '../../redis/url.ts'
import type { CertificateSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const HANDSHAKE_MS = 1_500
const NOT_UNDERSTOOD: ReadonlySet<string> = new Set(['reset', 'silent', 'not-redis'])
const NO_WAY: ReadonlySet<string> = new Set([
  'refused',
  'timed-out',
  'unreachable',
  'unknown-host',
  'stopped',
  'hanging',
])

export default {
  looksAt: 'the certificate that the server shows in a TLS handshake',
  asks: false,
  after: ['config'],

  async look({ view, access }, seen) {
    if (NO_WAY.has(view.answer.id)) return undefined
    const { address } = view
    if (access.tls !== undefined) {
      if (isPlain(view)) return undefined // it speaks plain text: there is none
      return { ...(await handshake(address, access.tls)), own: ownOf(access.tls) }
    }
    if (NOT_UNDERSTOOD.has(view.answer.id)) {
      const served = await handshake(address, {}).catch(() => undefined) // then it is no TLS
      return served && { ...served, unasked: true, distrust: undefined }
    }
    const other = tlsPortOf(address, seen)
    if (other === undefined) return undefined
    return { ...(await handshake(other, {})), at: showAddress(other), distrust: undefined }
  },
} satisfies Source<'certificate'>

function isPlain({ answer }: ServerAtHand['view']): boolean {
  return answer.id === 'tls' && /plain text|wrong version number/.test(answer.text ?? '')
}

/** Besides a port for plain text. */
function tlsPortOf({ host }: Address, { config }: Partial<Seen>): Address | undefined {
  const port = Number(config?.['tls-port'] ?? 0)
  return host !== undefined && port > 0 ? { host, port } : undefined
}

function handshake(address: Address, tls: Tls): Promise<CertificateSeen> {
  return new Promise((resolve, reject) => {
    const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
    const socket = connect({ ...where, ...tlsOptions(address, tls), rejectUnauthorized: false })
    const fail = (why: string): void => {
      alarm.stop()
      socket.destroy()
      reject(
        new Fault({
          doing: 'looking at the certificate of',
          target: showAddress(address),
          why,
          hint: `by hand: openssl s_client -connect ${showAddress(address)} </dev/null`,
        }),
      )
    }
    const alarm = startAlarm(HANDSHAKE_MS, () => fail(`no TLS handshake within ${HANDSHAKE_MS} ms`))
    socket.once('error', (error) => fail(reasonOf(error)))
    socket.once('close', () => fail('hung up during the handshake'))
    socket.once('secureConnect', () => {
      alarm.stop()
      const served = socket.getPeerCertificate(true)
      const error = socket.authorizationError as Error | string | undefined
      socket.destroy()
      resolve(certificateOf(served, error === undefined || error === null ? undefined : codeOf(error)))
    })
  })
}

/** `CERT_HAS_EXPIRED`: Node gives the code as text, or an error that has one. */
function codeOf(error: Error | string): string {
  return typeof error === 'string' ? error : ((error as Error & { code?: string }).code ?? error.message)
}

function certificateOf(served: DetailedPeerCertificate, distrust: string | undefined): CertificateSeen {
  const authorities = authoritiesOf(served).map(({ valid_to: until }) => Date.parse(until))
  return {
    subject: nameOf(served.subject),
    issuer: nameOf(served.issuer),
    notBefore: Date.parse(served.valid_from),
    notAfter: Date.parse(served.valid_to),
    authorityNotAfter: authorities.length === 0 ? undefined : Math.min(...authorities),
    distrust,
  }
}

/** Who signed it, and who signed that, as far as they were shown or are known; a root signs itself. */
function authoritiesOf(served: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  const known = new Set([served.fingerprint256])
  for (let next = served.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (known.has(next.fingerprint256)) break
    known.add(next.fingerprint256)
    chain.push(next)
  }
  return chain
}

function nameOf(name: DetailedPeerCertificate['subject'] | undefined): string {
  return Object.entries(name ?? {})
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ')
}

/** The one that we show the server, which it may refuse as we may refuse its. */
function ownOf({ cert }: Tls): CertificateSeen['own'] {
  if (cert === undefined) return undefined
  const own = new X509Certificate(cert)
  return { subject: own.subject.replaceAll('\n', ', '), notAfter: Date.parse(own.validTo) }
}
