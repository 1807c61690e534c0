// The settings of the running server, as it says them. A secret is only said to be set, or not.

import { isSecretSetting } from '../../redis/redact.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: 'CONFIG GET *',
  asks: true,

  async look(server) {
    if (server.view.role === 'sentinel') return undefined // it has no such settings
    const reply = await server.ask('CONFIG', 'GET', '*')
    const words = Array.isArray(reply) ? reply.map(String) : []
    const settings: Record<string, string> = {}
    for (let at = 0; at + 1 < words.length; at += 2) {
      const [name = '', value = ''] = words.slice(at, at + 2)
      settings[name] = isSecretSetting(name) && value !== '' ? '(redacted)' : value
    }
    return settings
  },
} satisfies Source<'config'>
