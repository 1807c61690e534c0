// Nobody listens and the process is gone. Why it ended decides what to do, and so does what a start would find: a primary
// that begins empty makes its replicas throw away the only data that is left, so that a start is not always the remedy.

import { formatDuration } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import { endingOf, isGone, isKnown, startFinds, type Ending } from '../readings/ending.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { logFact, severityOfLoss } from '../readings/reading.ts'

export default {
  asks: 'Has the process ended?',

  look(server, evidence) {
    if (server.answer.id !== 'refused' || isReachedByOthers(server, evidence)) return undefined
    const gone = isGone(server)
    if (gone === false) return undefined
    if (gone === undefined || !isKnown(server)) return undecided(server)
    return found(server, evidence)
  },
} satisfies ServerCheck

/** A replica whose link to it is up proves that it runs. */
function isReachedByOthers({ id }: ServerEvidence, { servers }: Evidence): boolean {
  return servers.some(({ primary, linkUp, asked }) => asked && primary === id && linkUp === true)
}

function undecided({ id, address, local }: ServerEvidence): Answered {
  const port = address.replace(/^.*:/, '')
  return {
    between: ['process-down', 'bind-or-firewall'],
    server: id,
    says: local
      ? `Nobody listens at ${address} on this machine, and nothing is known of a server there: it is down, or the port is another.`
      : `${address} refuses connections: the process is down, listens on another address or port, or a firewall rejects.`,
    wouldTell: `on ${local ? 'this machine' : 'its machine'}: ss -ltnp | grep :${port}`,
  }
}

const WORDS: Readonly<Record<Ending['how'], string>> = {
  asked: 'somebody asked it to end',
  crashed: 'it crashed',
  start: 'it could not start',
  data: 'it could not go on with its data files',
  'without a word': 'it ended without a word, as a process does that is killed with signal 9',
}

const NOTHING_LEFT = 'what was in its memory alone is gone already; no replica loses data by an empty start'

function found(server: ServerEvidence, evidence: Evidence): Answered {
  const { id, was, supervised } = server
  const ending = endingOf(server)
  const start = startFinds(server)
  const replicas = replicasOf(server, evidence)
  const isDangerous = start?.nothing === true && replicas.length > 0
  const danger = isDangerous
    ? ` Started as it is, it would be an empty primary, and ${replicas.join(', ')} would throw away the data to follow it: promote a replica first.`
    : ''
  const how = ending === undefined ? '' : `: ${WORDS[ending.how]}`
  const code = supervised?.exitCode === undefined ? '' : ` (exit ${supervised.exitCode})`
  const role = server.role === 'unknown' ? (was?.role ?? 'unknown') : server.role
  return {
    kind: 'fault',
    severity: severityOfLoss({ ...server, role }),
    says: `The process of ${id} is gone${how}${code}. ${start?.says ?? ''}${danger}`.trim(),
    evidence: facts(server, evidence, ending),
    ruledOut: [
      { check: 'bind-or-firewall', by: 'nobody listens there, and its process is not alive on another address' },
      { check: 'process-stopped', by: 'the kernel accepts connections for a process that is stopped' },
      ...(ending?.how === 'without a word'
        ? [{ check: 'cannot-start', by: 'its log ends after it served, and with no failed start' }]
        : []),
    ],
    alerts: ['RedisDown', 'RedisServerMissing', 'RedisDisconnectedSlaves', 'RedisMissingPrimary'],
    brings: [...OUT_OF_SERVICE_BRINGS, 'sentinel-ghosts'],
    actions: isDangerous
      ? [
          { id: 'promote-replica', why: 'the replicas hold the only copy of the data' },
          { id: 'back-up-now', why: 'from a replica, before anything is started' },
        ]
      : [{ id: 'start-server', why: start?.nothing === true ? NOTHING_LEFT : 'it loads its files' }],
  }
}

function replicasOf({ id, was }: ServerEvidence, { servers }: Evidence): readonly string[] {
  const following = servers.filter(({ primary }) => primary === id).map((replica) => replica.id)
  return [...new Set([...following, ...(was?.replicas ?? [])])]
}

function facts(server: ServerEvidence, { takenAt }: Evidence, ending: Ending | undefined): Fact[] {
  const { listening, was, supervised, log } = server
  const last = ending?.entry ?? log?.entries.at(-1)
  const ago = last?.at === undefined ? '' : ` (${formatDuration(Math.max(0, takenAt - last.at))} ago)`
  const start = startFinds(server)
  return [
    ...(listening === undefined ? [] : [{ source: 'ss -ltn', name: server.address, value: 'nobody listens' }]),
    ...(was?.pid === undefined || supervised !== undefined
      ? []
      : [{ source: '/proc', name: `pid ${was.pid}`, value: 'there is no such server process any more' }]),
    ...(supervised === undefined
      ? []
      : [{ source: supervised.supervisor, name: supervised.is, value: supervised.says }]),
    ...(last === undefined ? [] : [{ ...logFact(last), value: `${last.text}${ago}` }]),
    ...(start === undefined ? [] : [start.fact]),
  ]
}
