// Certificates to try TLS with: a CA, a server and a client of it, an expired server certificate, and a whole second CA
// that nobody trusts. Made by openssl, valid for a month.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Tls } from '../src/redis/url.ts'

const run = promisify(execFile)
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export interface KeyPair {
  readonly certFile: string
  readonly keyFile: string
}

export interface Certificates {
  readonly caFile: string
  readonly server: KeyPair // for localhost, 127.0.0.1, ::1
  readonly expired: KeyPair // the same, ended yesterday
  readonly client: KeyPair
  readonly otherCaFile: string // did not sign any of the above
  readonly otherClient: KeyPair // signed by the other CA
}

/** Makes them in `dir`, which exists. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const ca = await makeCa(dir, 'ca')
  const other = await makeCa(dir, 'other-ca')
  const [server, expired, client, otherClient] = await Promise.all([
    sign(dir, ca, 'server', 30),
    sign(dir, ca, 'expired', -1),
    sign(dir, ca, 'client', 30),
    sign(dir, other, 'other-client', 30),
  ])
  return { caFile: ca.certFile, server, expired, client, otherCaFile: other.certFile, otherClient }
}

/** One more certificate for a server, of the same CA, that holds for so many days from now. */
export function signAnother(dir: string, days: number): Promise<KeyPair> {
  return sign(dir, pairIn(dir, 'ca'), `another-${days}`, days)
}

/** The same as PEM text, as a connection takes it. */
export function tlsOf(caFile: string, pair?: KeyPair, serverName?: string): Tls {
  const text = (file: string): string => readFileSync(file, 'utf8')
  return {
    ca: text(caFile),
    ...(pair && { cert: text(pair.certFile), key: text(pair.keyFile) }),
    ...(serverName !== undefined && { serverName }),
  }
}

function pairIn(dir: string, name: string): KeyPair {
  return { certFile: join(dir, `${name}.crt`), keyFile: join(dir, `${name}.key`) }
}

async function makeCa(dir: string, name: string): Promise<KeyPair> {
  const pair = pairIn(dir, name)
  const subject = ['-subj', `/O=Example/CN=${name}`, '-days', '30']
  await run('openssl', ['req', '-x509', ...KEY, '-keyout', pair.keyFile, '-out', pair.certFile, ...subject])
  return pair
}

async function sign(dir: string, ca: KeyPair, name: string, days: number): Promise<KeyPair> {
  const pair = pairIn(dir, name)
  const request = join(dir, `${name}.csr`)
  const extensions = join(dir, `${name}.ext`)
  writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n')
  await run('openssl', ['req', ...KEY, '-keyout', pair.keyFile, '-out', request, '-subj', '/O=Example/CN=localhost'])
  // A serial of its own for each, so that signing at the same time needs no shared serial file.
  const serial = `0x${Buffer.from(name).toString('hex').slice(0, 30)}`
  const by = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-set_serial', serial]
  const how = ['-days', String(days), '-extfile', extensions, '-out', pair.certFile]
  await run('openssl', ['x509', '-req', '-in', request, ...by, ...how])
  return pair
}
