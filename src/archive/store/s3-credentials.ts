// The credentials of S3 out of a file that the configuration names: the same form as ~/.aws/credentials, so that one can
// be a copy of the other. It is read again every few minutes, since whoever keeps secrets replaces them.

import { readFile } from 'node:fs/promises'
import type { Clock } from '../../lib/clock.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration: Date // when to read again
}

const READ_AGAIN_MS = 10 * 60_000 // the library asks five minutes before the end

/** Reads a profile of the file. Throws a Fault, which never says what stands in the file. */
export async function readS3Credentials(file: string, profile: string, clock: Clock): Promise<S3Credentials> {
  const values = parseProfile(await readSecretFile(file), profile)
  const accessKeyId = values.get('aws_access_key_id')
  const secretAccessKey = values.get('aws_secret_access_key')
  const sessionToken = values.get('aws_session_token')
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw wrongFile(file, `[${profile}] holds no aws_access_key_id and aws_secret_access_key`)
  const expiration = new Date(clock.now() + READ_AGAIN_MS)
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }), expiration }
}

/** The text of a file with a secret in it. Throws a Fault. */
export async function readSecretFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw wrongFile(file, reasonOf(error))
  }
}

export function wrongFile(file: string, why: string): Fault {
  const hint = 'docs/storage.md says what stands in it.'
  return new Fault({ doing: 'reading the credentials', target: file, why, hint, exit: 64, retryable: false })
}

/** `name = value` lines below `[profile]`. Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files". */
function parseProfile(text: string, profile: string): Map<string, string> {
  const values = new Map<string, string>()
  let section = ''
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    const [, name] = /^\[\s*(?:profile\s+)?([^\]]+?)\s*\]$/.exec(line) ?? []
    const [, key = '', value = ''] = /^([^#;=\s]+)\s*=\s*(.*)$/.exec(line) ?? []
    if (name !== undefined) section = name
    else if (section === profile && key !== '') values.set(key.toLowerCase(), value)
  }
  return values
}
