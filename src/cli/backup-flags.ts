// What `respite backup` and `respite archive` have in common: where to, for whom it is encrypted, and whose data.

import type { BackupSettings } from '../archive-fleet.ts'
import { whyNoRecipient } from '../lib/age.ts'
import { Fault } from '../lib/fault.ts'
import { CREDENTIALS_FLAG } from './archive-flags.ts'
import { textFlag, type Flags } from './command.ts'

export const BACKUP_FLAGS = {
  '--to <store>': 'where to: file:///path, s3://bucket/prefix, azblob://account/container/prefix',
  ...CREDENTIALS_FLAG,
  '--recipient <age...>': 'age public key to encrypt to; may be given several times',
  '--attach <role>': 'read from a replica when there is one (replica, the default), or from the primary',
  '--name <deployment>': 'what the deployment is called in the store (made from the URL when absent)',
} as const satisfies Record<string, string>

/** Throws a Fault (exit 64) for a flag that is missing or wrong. */
export async function backupSettings(flags: Flags): Promise<Omit<BackupSettings, 'everyMs' | 'keep'>> {
  const to = textFlag(flags, 'to')
  if (to === undefined) throw wrongFlag('--to', 'it is missing', 'Say where to: --to file:///var/backups/redis')
  const attach = textFlag(flags, 'attach') ?? 'replica'
  if (attach !== 'replica' && attach !== 'primary')
    throw wrongFlag('--attach', `"${attach}" is neither replica nor primary`, 'Leave it out to read from a replica.')
  const given = flags['recipient']
  const recipients = Array.isArray(given) ? given.map(String) : typeof given === 'string' ? [given] : []
  for (const recipient of recipients) {
    const why = await whyNoRecipient(recipient)
    if (why !== undefined)
      throw wrongFlag(
        '--recipient',
        `"${recipient}" is no age public key: ${why}`,
        'One begins with age1; make a pair with: age-keygen -o key.txt',
      )
  }
  return { to, credentialsFile: textFlag(flags, 'credentialsFile'), recipients, identities: [], attach, namespaces: [] }
}

/** Exit 64. */
export function wrongFlag(flag: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'reading the flag', target: flag, why, hint, exit: 64, retryable: false })
}
