// The script that keeps a server busy: whether it is a script or a function, and whether it has written, which decides if
// it can be killed. A server that is busy answers hardly anything else.

import { askBusyScript } from '../../redis/probe.ts'
import { redactCommand } from '../../redis/redact.ts'
import type { ScriptSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

const TIMEOUT_MS = 2_500 // a busy server looks at its clients now and then

export default {
  looksAt: 'of a busy server: FUNCTION STATS, and the refusal of the kill command of the other kind',
  asks: false,
  withinMs: 4_000,

  async look({ view, access }) {
    if (view.answer.id !== 'busy') return undefined
    const found = await askBusyScript({ address: view.address, access, timeoutMs: TIMEOUT_MS })
    if (found === undefined) return undefined
    const { kind, hasWritten, fromPrimary, command, runsForMs } = found
    return {
      kind,
      hasWritten,
      fromPrimary: fromPrimary || undefined,
      command: command.length === 0 ? undefined : redactCommand(command).join(' '),
      runsForMs,
    } satisfies ScriptSeen
  },
} satisfies Source<'script'>
