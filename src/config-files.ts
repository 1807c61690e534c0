// The files and the folder that a configuration names: passwords, certificates, keys, the place of the state. Secrets
// come from files or from the environment and from nowhere else, so that none stands in a configuration that is copied
// and shown. A secret that everybody on the machine can read is a warning, not a mistake: containers mount them so.

import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Fault, fileReasonOf, reasonOf } from './lib/fault.ts'
import type { Tls } from './redis/url.ts'

/** Where the daemon keeps its state when nothing else is said. */
export function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (env['STATE_DIRECTORY']) return env['STATE_DIRECTORY'] // set by systemd's StateDirectory=
  if (process.getuid?.() === 0) return '/var/lib/respite'
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'respite')
}

export interface TlsFiles {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly serverName?: string | undefined
}

export interface PasswordSource {
  readonly file?: string | undefined
  readonly name: string // of the deployment: RESPITE_PASSWORD_<NAME> goes before RESPITE_PASSWORD
  readonly env: NodeJS.ProcessEnv
}

/** The environment variable that holds the password of one deployment: `orders-eu` is RESPITE_PASSWORD_ORDERS_EU. */
export function passwordVariable(name: string): string {
  return `RESPITE_PASSWORD_${name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`
}

export async function readPassword({ file, name, env }: PasswordSource): Promise<string | undefined> {
  if (file !== undefined) return readSecret(file)
  return env[passwordVariable(name)] || env['RESPITE_PASSWORD'] || undefined // set to nothing is not set
}

/** The text of the configuration file itself. */
export async function readConfigFile(file: string): Promise<string> {
  return readText(file, 'the configuration', 64)
}

/** A secret's file without the newline that an editor leaves at its end. */
export async function readSecret(file: string, what = 'the password'): Promise<string> {
  const secret = (await readText(file, `${what} file`)).replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new Fault({
    doing: `reading ${what} file`,
    target: file,
    why: 'it is empty',
    hint: `Write ${what} into it, and nothing else.`,
  })
}

/** A sentence when more people than its owner can read the file of a secret; undefined when it is well kept. */
export async function readableByOthers(file: string): Promise<string | undefined> {
  const { mode } = await stat(file)
  const who = (mode & 0o004) !== 0 ? 'everybody on this machine' : (mode & 0o040) !== 0 ? 'its group' : undefined
  return who === undefined ? undefined : `${file} can be read by ${who}; chmod 600 keeps the secret to its owner`
}

/** TLS with the texts of its files; undefined when neither the URL nor a file asks for TLS. */
export async function readTls(ofUrl: Tls | undefined, files: TlsFiles): Promise<Tls | undefined> {
  const { caFile, certFile, keyFile, serverName } = files
  if ([ofUrl, caFile, certFile, keyFile, serverName].every((part) => part === undefined)) return undefined
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Fault({
      doing: 'reading the client certificate',
      target: certFile ?? keyFile ?? '',
      why: certFile === undefined ? 'a key without its certificate' : 'a certificate without its key',
      hint: 'Give both the certificate and the key.',
      exit: 64,
    })
  const ca = caFile === undefined ? undefined : await readCertificate(caFile)
  const cert = certFile === undefined ? undefined : await readCertificate(certFile)
  const key = keyFile === undefined ? undefined : await readKey(keyFile, cert)
  return { ...ofUrl, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(serverName && { serverName }) }
}

async function readCertificate(file: string): Promise<string> {
  const pem = await readText(file, 'the certificate')
  const { X509Certificate } = await import('node:crypto') // a fifth of a short command's time, and seldom needed
  try {
    new X509Certificate(pem)
    return pem
  } catch (cause) {
    throw new Fault({
      doing: 'reading the certificate',
      target: file,
      why: /-----BEGIN /.test(pem) ? `it does not parse: ${reasonOf(cause)}` : 'it is not in PEM format',
      hint: 'The file must hold -----BEGIN CERTIFICATE-----; openssl x509 -inform der converts one in DER.',
      cause,
    })
  }
}

async function readKey(file: string, cert: string | undefined): Promise<string> {
  const pem = await readText(file, 'the key')
  const { createPrivateKey, X509Certificate } = await import('node:crypto')
  const wrong = (why: string, hint: string, cause?: unknown): Fault =>
    new Fault({ doing: 'reading the key', target: file, why, hint, cause })
  let matches: boolean
  try {
    const key = createPrivateKey(pem)
    matches = cert === undefined || new X509Certificate(cert).checkPrivateKey(key)
  } catch (cause) {
    throw wrong('it is not a private key in PEM format without a passphrase', 'Check that it was not mixed up.', cause)
  }
  if (!matches) throw wrong('it is not the key of the client certificate', 'Give the key that belongs to it.')
  return pem
}

async function readText(file: string, what: string, exit: 2 | 64 = 2): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const why = fileReasonOf(cause)
    const hint = code === 'EACCES' ? 'Give the user that runs Respite the right to read it.' : 'Check the path.'
    throw new Fault({ doing: `reading ${what}`, target: file, why, hint, exit, cause })
  }
}
