// The main thread hangs in the kernel, waiting for the disk that its append-only file is on. Everything waits with it and
// goes on by itself; killing it does not work in that state, and would lose the end of the file.

import { formatDuration } from '../../lib/units.ts'
import type { Answered, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { infoFact, infoNumber, infoRate, lastLogged, logFact, severityOfLoss } from '../readings/reading.ts'

export default {
  asks: 'Does the server wait for its disk?',
  look: (server, evidence) => hangs(server) ?? holdsUpSnapshot(server) ?? stalled(server, evidence),
} satisfies ServerCheck

function hangs(server: ServerEvidence): Answered {
  const { id, answer, process, disk } = server
  if (answer.id !== 'waiting-on-disk') return undefined
  const where = process?.waitsIn === undefined ? '' : `, in ${process.waitsIn}`
  const on = disk === undefined ? '' : ` Its data is on ${disk.mountType} at ${disk.mountPoint}.`
  return {
    kind: 'fault',
    severity: severityOfLoss(server),
    says: `${id} hangs: its main thread waits for the disk (state D${where}) and answers nobody until the disk does.${on}`,
    evidence: [
      {
        source: process === undefined ? 'the answer' : `/proc/${process.pid}/stat`,
        name: 'state',
        value: process?.state ?? answer.text ?? 'D',
      },
      ...(disk === undefined ? [] : [{ source: 'mounts', name: disk.mountPoint, value: disk.mountType }]),
    ],
    ruledOut: [
      { check: 'process-stopped', by: 'its state is D and not T' },
      { check: 'slow-command', by: 'it uses no processor time' },
      { check: 'client-pause', by: 'a paused server sleeps (S) in its event loop' },
      { check: 'process-down', by: 'the process exists and its port accepts connections' },
    ],
    alerts: ['RedisDown', 'RedisMissingPrimary', 'RedisDisconnectedSlaves', 'WritesRefused'],
    brings: ['rdb-save-stuck', ...OUT_OF_SERVICE_BRINGS],
    actions: [{ id: 'fail-over', why: 'when the disk stays silent; the last second of writes may be lost' }],
  }
}

const HELD_SECONDS = 3

/** The server goes on, and the child that writes its snapshot waits in the same way. */
function holdsUpSnapshot(server: ServerEvidence): Answered {
  const child = server.process?.children.find(({ state }) => state === 'D')
  const seconds = infoNumber(server, 'rdb_current_bgsave_time_sec') ?? -1
  const keys = 'current_save_keys_processed'
  const isHeld = server.info !== undefined && server.info.before[keys] === server.info.fields[keys]
  if (child === undefined || seconds < HELD_SECONDS || !isHeld || (child.cpuShare ?? 0) > IDLE_SHARE) return undefined
  return {
    kind: 'fault',
    severity: 'warning',
    says: `The disk takes nothing: the snapshot that began ${formatDuration(seconds * 1_000)} ago waits for it${child.waitsIn === undefined ? '' : ` (in ${child.waitsIn})`}. The server itself goes on as long as it need not write.`,
    evidence: [
      { source: `/proc/${child.pid}/stat`, name: 'state', value: 'D' },
      infoFact(server, 'persistence', 'rdb_current_bgsave_time_sec'),
      infoFact(server, 'persistence', keys),
    ],
    ruledOut: [{ check: 'rdb-save-stuck', by: 'the child waits for the disk (D): a signal does not reach it' }],
    alerts: ['RedisMissingBackup'],
    brings: ['rdb-save-stuck', 'save-overdue', 'never-saved'],
    actions: [{ id: 'back-up-now', why: 'takes the data over the network, and not from that disk' }],
  }
}

const IDLE_SHARE = 0.02 // of a core: a child that writes to a slow disk is in D now and then, and works between

const LONG_MS = 1_000
const RECENT_MS = 10 * 60_000
const TOO_LONG = /^Asynchronous AOF fsync is taking too long/ // flushAppendOnlyFile of src/aof.c: every time it is late
const LATE_MS = 60_000

/** It answers again, and has hung not long ago; or its writes to the disk are late right now. */
function stalled(server: ServerEvidence, evidence: Evidence): Answered {
  const { takenAt } = evidence
  const late = infoRate(server, 'aof_delayed_fsync') ?? 0
  const said = lastLogged(server, evidence, TOO_LONG, { withinMs: LATE_MS, sinceStart: true })
  const hung = server.latency?.find(
    ({ event, at, latestMs }) => /^aof-(?:write|fsync)/.test(event) && latestMs >= LONG_MS && takenAt - at < RECENT_MS,
  )
  if (late === 0 && hung === undefined && said === undefined) return undefined
  const says =
    hung === undefined
      ? 'The disk is slow: writing the append-only file waits for it longer than two seconds.'
      : `The server hung for ${formatDuration(hung.latestMs)} while it waited for its disk, ${formatDuration(takenAt - hung.at)} ago.`
  return {
    kind: 'fault',
    severity: 'warning',
    says,
    evidence: [
      infoFact(server, 'persistence', 'aof_delayed_fsync'),
      ...(said === undefined ? [] : [logFact(said)]),
      ...(hung === undefined
        ? []
        : [{ source: 'LATENCY LATEST', name: hung.event, value: `${hung.latestMs} ms, the longest ${hung.maxMs} ms` }]),
    ],
    ruledOut: [{ check: 'slow-command', by: 'the time went to the append-only file' }],
    alerts: ['RedisLatencyHigh', 'RedisDown'],
    actions: [{ id: 'fail-over', why: 'when it happens again: to a replica on a disk that is well' }],
  }
}
