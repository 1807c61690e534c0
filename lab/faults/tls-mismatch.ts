// One end begins to speak TLS, or stops, or shows a certificate of another authority, and the other end was not told.

import { execFileSync } from 'node:child_process'
import { makeCertificates, type Certificates } from '../certificates.ts'
import { makeFolder } from '../children.ts'
import { crowdAt } from '../crowd.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import type { Server, StartOptions } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'the server begins to speak TLS', keys: 1_000, set: { change: 'to TLS' } },
  { name: 'the server stops to speak TLS', keys: 20_000, password: true, set: { change: 'to plain text' } },
  { name: 'a certificate of another authority', keys: 5_000, set: { change: 'authority' } },
  { name: 'an application speaks plain text', keys: 1_000, set: { change: 'application' } },
]

export default {
  says: 'The two ends do not agree on TLS.',
  needs: ['openssl'],
  variants,

  async build(variant, random) {
    const certificates = await makeCertificates(makeFolder('tls'))
    const change = String(variant.set?.['change'])
    const stage = await startStage(variant, random, { socket: true, ...optionsOf(change, certificates) })
    const { primary } = stage
    return { ...stage, expects: { server: primary.id }, inject: () => make(change, primary, certificates) }
  },
} satisfies LabFault

function optionsOf(change: string, certificates: Certificates): StartOptions {
  if (change !== 'to TLS') return { tls: { certificates } }
  const { certFile, keyFile } = certificates.server
  const files = [`tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`, `tls-ca-cert-file ${certificates.caFile}`]
  return { conf: [...files, 'tls-auth-clients no'] }
}

async function make(change: string, server: Server, { otherClient }: Certificates): Promise<void> {
  const { port } = server
  if (change === 'to TLS') {
    set(server, 'port', '0')
    set(server, 'tls-port', String(port))
    return untilMet('reset', server)
  }
  if (change === 'to plain text') {
    set(server, 'tls-port', '0')
    set(server, 'port', String(port))
    return untilMet('silent', server) // it waits for the rest of a command
  }
  if (change === 'authority') {
    set(server, 'tls-cert-file', otherClient.certFile, 'tls-key-file', otherClient.keyFile)
    return untilMet('tls', server)
  }
  const plain = { address: server.address, access: {} }
  await untilMet('reset', plain)
  await until('the server wrote it down', () => server.log().includes('Error accepting a client connection'))
  crowdAt(server, 1).leave()
}

/** Over its socket file, since its port is about to change. */
function set(server: Server, ...words: string[]): void {
  const { socketPath = '', access } = server
  const env = { ...process.env, ...(access.password === undefined ? {} : { REDISCLI_AUTH: access.password }) }
  const said = execFileSync('redis-cli', ['-s', socketPath, 'CONFIG', 'SET', ...words], { env, encoding: 'utf8' })
  if (!said.startsWith('OK')) throw new Error(`CONFIG SET ${words.join(' ')}: ${said}`)
}
