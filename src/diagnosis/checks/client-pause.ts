// CLIENT PAUSE, left on: the server is idle, accepts everybody and answers nobody, or answers all but writes. It ends by
// itself. A stopped process and a slow disk look the same to a client; the process tells.

import type { Answered, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { infoFact, infoText } from '../readings/reading.ts'

export default {
  asks: 'Are clients paused?',

  look(server) {
    const { answer } = server
    if (answer.id === 'paused') return pausedAll(server)
    if (answer.id === 'silent') return silent(server)
    return pausedWrites(server)
  },
} satisfies ServerCheck

const ACTION = { id: 'unpause-clients', why: 'where somebody is still let in; else it ends by itself' } as const

function pausedAll(server: ServerEvidence): Answered {
  const { process, id } = server
  if (process === undefined) return undefined
  const queue = process.acceptQueue === undefined ? '' : `, ${process.acceptQueue} connections wait to be accepted`
  return {
    kind: 'fault',
    severity: server.role === 'replica' ? 'warning' : 'critical',
    says: `All clients of ${id} are paused (CLIENT PAUSE): it accepts connections, is idle and answers nobody until the pause ends by itself.`,
    evidence: [
      {
        source: `/proc/${process.pid}`,
        name: 'state',
        value: `${process.state}, ${Math.round(process.cpuShare * 100)} % of a core${queue}`,
      },
      { source: 'a new connection', name: 'PING', value: server.answer.text ?? 'no answer' },
    ],
    ruledOut: [
      { check: 'process-stopped', by: `its state is ${process.state}, not T, and it accepts connections` },
      { check: 'disk-stall', by: `its state is ${process.state}, not D` },
      { check: 'busy-script', by: 'it uses no processor time' },
      { check: 'slow-command', by: 'it uses no processor time' },
    ],
    alerts: ['RedisDown'],
    brings: OUT_OF_SERVICE_BRINGS, // a replica does not apply what its primary sends, either
    actions: [ACTION],
  }
}

/** Valkey 8.1 says it; in others a write that waits, though it is none that ever blocks, shows it. */
function pausedWrites(server: ServerEvidence): Answered {
  const said = infoText(server, 'paused_actions')
  if (infoText(server, 'master_failover_state') !== 'no-failover') return undefined // a failover pauses writes for its moment
  const waiting = (server.clients ?? []).filter(({ flags = '', cmd = '' }) => flags.includes('b') && !isBlocking(cmd))
  const isSaid = said !== undefined && said !== 'none'
  const isCanary = server.answer.id === 'writes-hang'
  if (!isSaid && !isCanary && waiting.length === 0) return undefined
  const [first] = waiting
  return {
    kind: 'fault',
    severity: 'critical',
    says: `Writes on ${server.id} are paused (CLIENT PAUSE … WRITE): reads are answered, and ${waiting.length === 0 ? 'every write waits' : `${waiting.length} clients wait with a write`} until the pause ends by itself.`,
    evidence: [
      ...(isSaid ? [infoFact(server, 'clients', 'paused_actions')] : []),
      ...(first === undefined
        ? []
        : [
            {
              source: 'CLIENT LIST',
              name: `${first['addr']} flags`,
              value: `${first['flags']} (blocked) in ${first['cmd']}`,
            },
          ]),
      infoFact(server, 'replication', 'master_failover_state'),
    ],
    ruledOut: [
      { check: 'blocked-clients', by: 'the command that waits is none that ever blocks' },
      { check: 'not-enough-replicas', by: 'writes wait, and are not refused' },
    ],
    alerts: ['WritesRefused'],
    actions: [ACTION],
  }
}

// Source: commands with the flag BLOCKING of Redis 7.2, and WAIT.
const BLOCKS =
  /^(?:b[lrz]|xread|wait|client|failover|shutdown|debug|cluster|subscribe|psubscribe|ssubscribe|module|\w*\.)/

function isBlocking(command: string): boolean {
  return command === 'NULL' || BLOCKS.test(command.toLowerCase())
}

/** Its process cannot be seen from here: what a client meets is the same for all of these. */
function silent({ id, local, process, listening }: ServerEvidence): Answered {
  const isAnother = listening?.owner !== undefined && !/redis|valkey|keydb/.test(listening.owner)
  if (process !== undefined || isAnother) return undefined
  return {
    between: ['client-pause', 'process-stopped', 'disk-stall', 'slow-command', 'busy-script'],
    server: id,
    says: `${id} accepts connections and answers nothing, and its process cannot be seen from here.`,
    wouldTell: `${local ? 'as root' : 'on its machine'}: ps -o pid,stat,pcpu,wchan:20 -C redis-server,valkey-server (T: stopped, D: disk, R: busy, S: paused)`,
  }
}
