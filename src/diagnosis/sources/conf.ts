// The configuration file, as directives: what the server would be after a restart. `save` lines are joined as CONFIG
// GET shows them, and the last of a name counts, as it does in the server. Includes are named and not followed.

import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { wordsOf } from '../../supervisors/config-directives.ts'
import { isSecretSetting } from '../../redis/redact.ts'
import type { ConfSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

const MANY = new Set([
  'save',
  'client-output-buffer-limit',
  'rename-command',
  'user',
  'include',
  'loadmodule',
  'sentinel',
])

export default {
  looksAt: 'the configuration file',
  asks: false,
  after: ['places'],

  async look(_server, { places }) {
    const path = places?.conf?.here
    if (places?.conf === undefined || path === undefined) return undefined // it has none, or `places` said so
    const lines = readFileSync(path, 'utf8').split('\n')
    return {
      path: places.conf.inside,
      writable: isWritable(path) && isWritable(dirname(path)),
      directives: directivesIn(lines),
      lines: lines.length,
    } satisfies ConfSeen
  },
} satisfies Source<'conf'>

function directivesIn(lines: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const line of lines) {
    const [word = '', ...values] = wordsOf(line)
    const name = word.toLowerCase()
    if (name === '' || name.startsWith('#')) continue
    if (name === 'user') continue // passwords and hashes; ACL LIST says what counts
    const value = isSecretSetting(name) && values[0] !== '' ? '(redacted)' : values.join(' ')
    const known = found[name]
    found[name] = MANY.has(name) && known !== undefined && value !== '' ? `${known} ${value}`.trim() : value
  }
  return found
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false // by us; the server's own user may differ
  }
}
