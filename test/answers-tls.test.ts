// TLS that fails, each way of it: the answer is `tls` and the reason is in its text, on the door and on a connection
// alike; and a client that does not speak TLS to a port that does.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeCertificates, tlsOf, type Certificates, type KeyPair } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server, type StartOptions } from '../lab/servers.ts'
import { lookAtAnswer, PATIENT } from '../src/fleet/look-at-answer.ts'
import type { AnswerId } from '../src/redis/answers.ts'
import { openConnection } from '../src/redis/connection.ts'
import type { Access } from '../src/redis/url.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { seenInTime, watched } from './watched.ts'

let certificates: Certificates
let wantsCertificate: Server
let wantsNone: Server
let expired: Server
let plain: Server

before(async () => {
  certificates = await makeCertificates(makeFolder('certificates'))
  const start = (options: Partial<NonNullable<StartOptions['tls']>>): Promise<Server> =>
    startServer({ tls: { certificates, clients: 'no', ...options } })
  ;[wantsCertificate, wantsNone, expired, plain] = await Promise.all([
    start({ clients: 'yes' }),
    start({}),
    start({ pair: certificates.expired }),
    startServer(),
  ])
})
after(() => Promise.all([wantsCertificate, wantsNone, expired, plain].map((server) => server.stop())))
nothingLeftAfterwards()
seenInTime()

interface Meeting {
  readonly name: string
  readonly server: () => Server
  readonly access: () => Access
  readonly answer: AnswerId
  readonly says: RegExp
}

const trusting = (serverName?: string): Access => ({ tls: tlsOf(certificates.caFile, undefined, serverName) })

const MEETINGS: readonly Meeting[] = [
  {
    name: 'a certificate that has expired',
    server: () => expired,
    access: trusting,
    answer: 'tls',
    says: /certificate has expired/,
  },
  {
    name: 'a certificate of another CA',
    server: () => wantsNone,
    access: () => ({ tls: tlsOf(certificates.otherCaFile) }),
    answer: 'tls',
    says: /verify|self-signed|issuer/,
  },
  {
    name: 'a certificate for another name',
    server: () => wantsNone,
    access: () => trusting('redis.example.com'),
    answer: 'tls',
    says: /does not match certificate.*redis\.example\.com/i,
  },
  {
    name: 'a client certificate is wanted and not given',
    server: () => wantsCertificate,
    access: trusting,
    answer: 'tls',
    says: /certificate required/i,
  },
  {
    name: 'a client certificate of another CA',
    server: () => wantsCertificate,
    access: () => ({ tls: tlsOf(certificates.caFile, certificates.otherClient) }),
    answer: 'tls',
    says: /unknown ca|certificate/i,
  },
  {
    name: 'a port that speaks plain text',
    server: () => plain,
    access: trusting,
    answer: 'tls',
    says: /the port speaks plain text/,
  },
  {
    name: 'a port that speaks TLS, spoken to in plain text',
    server: () => wantsNone,
    access: () => ({}),
    answer: 'reset',
    says: /closed without an answer|speaks TLS/,
  },
]

for (const { name, server, access, answer, says } of MEETINGS)
  test(name, async () => {
    const { address } = server()
    for (let at = 0; at < 3; at += 1) {
      const { id, text } = await lookAtAnswer(address, access(), PATIENT)
      assert.equal(id, answer, text ?? '')
      assert.match(text ?? '', says)
    }
    await assert.rejects(openConnection({ address, access: access(), timeoutMs: 2_000 }), { name: 'Lost' })
  })

test('a certificate that expires under a running server is seen within two seconds; those inside stay', async (t) => {
  const server = await startServer({ tls: { certificates } })
  t.after(() => server.stop())
  const watching = await watched(t, server)
  const before = await watching.reservedId()
  const admin = await openConnection({ ...server, timeoutMs: 5_000, name: 'admin' })
  t.after(() => admin.close())
  const use = ({ certFile, keyFile }: KeyPair): Promise<unknown> =>
    admin.send('CONFIG', 'SET', 'tls-cert-file', certFile, 'tls-key-file', keyFile)
  await use(certificates.expired)
  assert.match((await watching.sees('tls')).text ?? '', /expired/)
  assert.equal(await watching.reservedId(), before)
  await use(certificates.server)
  await watching.recovers()
  assert.equal(await watching.reservedId(), before)
})
