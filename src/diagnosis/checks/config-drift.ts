// What the running server is set to, and its configuration file does not say: the next restart takes it away. Only said
// where somebody has set something since the start, since a command line may differ from the file for good reason. And a
// replica that is set otherwise than its primary: the next failover changes what the deployment does.

import { parseBytes } from '../readings/bytes.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoFact, infoPart } from '../readings/reading.ts'
import { linkOf } from '../readings/replication-links.ts'

// What each is when the file does not say. Source: createStandardConfig of Redis src/config.c, 7.0.
const RISKY: Readonly<Record<string, string>> = {
  appendonly: 'no',
  appendfsync: 'everysec',
  save: '3600 1 300 100 60 10000',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  requirepass: '',
  masterauth: '',
  dbfilename: 'dump.rdb',
  'min-replicas-to-write': '0',
  'min-replicas-max-lag': '10',
  'protected-mode': 'yes',
  timeout: '0',
  'notify-keyspace-events': '',
  'stop-writes-on-bgsave-error': 'yes',
  'replica-read-only': 'yes',
  'replica-serve-stale-data': 'yes',
  'replica-priority': '100',
  'auto-aof-rewrite-percentage': '100',
  maxclients: '10000',
  'cluster-require-full-coverage': 'yes',
}
const ONLY_IF_SAID = ['bind', 'port', 'tls-port', 'dir'] // their default is made at the start
const OLD_NAMES: Readonly<Record<string, string>> = {
  'replica-read-only': 'slave-read-only',
  'replica-serve-stale-data': 'slave-serve-stale-data',
  'replica-priority': 'slave-priority',
  'min-replicas-to-write': 'min-slaves-to-write',
  'min-replicas-max-lag': 'min-slaves-max-lag',
}
const OF_ACCESS = new Set(['requirepass', 'masterauth', 'protected-mode', 'bind', 'port', 'tls-port'])
const OF_DATA = new Set(['appendonly', 'save', 'maxmemory', 'maxmemory-policy', 'dir', 'dbfilename']) // a cache may lose it

// What a deployment does after a failover as it did before, where its servers agree.
const OF_ALL = ['maxmemory', 'maxmemory-policy', 'maxclients', 'timeout', 'requirepass', 'notify-keyspace-events']

export default {
  asks: 'Is the running server set otherwise than its configuration file says, or than its primary is?',
  look: (server, evidence) => unlikeItsFile(server, evidence) ?? unlikeItsPrimary(server, evidence),
} satisfies ServerCheck

function unlikeItsFile(server: ServerEvidence, { deployment }: Evidence): Answered {
  const { config, conf } = server
  const set = infoPart(server, 'cmdstat_config|set', 'calls') ?? 0
  if (config === undefined || set === 0) return undefined
  const differing = conf === undefined ? [] : driftOf(server)
  if (differing.length === 0) return undefined
  const names = differing.map(({ name }) => name)
  const isDangerous = names.some(
    (name) => OF_ACCESS.has(name) || (OF_DATA.has(name) && deployment.dataClass === 'store'),
  )
  return {
    kind: 'risk',
    severity: isDangerous ? 'warning' : 'info',
    says: `${server.id} runs with ${differing.map(({ name, running }) => `${name} ${running}`).join(', ')}, and its configuration file says otherwise: the next restart takes ${differing.length === 1 ? 'it' : 'them'} back.${conf?.writable === false ? ' The file cannot be written.' : ''}`,
    evidence: [
      ...differing.map(({ name, running, said }): Fact => ({
        source: `CONFIG GET and ${conf?.path ?? ''}`,
        name,
        value: `${running}; the file: ${said}`,
      })),
      infoFact(server, 'commandstats', 'cmdstat_config|set'),
    ],
    ruledOut: [{ check: 'exposed', by: 'nothing of it is what an attacker sets' }],
    actions: [
      { id: 'rewrite-config', why: 'where what runs is right' },
      { id: 'revert-drift', why: 'where the file is right' },
    ],
  }
}

function unlikeItsPrimary(server: ServerEvidence, evidence: Evidence): Answered {
  const primary = linkOf(server, evidence)?.primary
  const [own, others] = [server.config, primary?.config]
  if (primary === undefined || own === undefined || others === undefined) return undefined
  const differing = OF_ALL.flatMap((name) => {
    const [here, there] = [own[name], others[name]]
    return here === undefined || there === undefined || isSame(here, there)
      ? []
      : [{ name, here: shown(here), there: shown(there) }]
  })
  if (differing.length === 0) return undefined
  const names = differing.map(({ name }) => name).join(', ')
  return {
    kind: 'advice',
    severity: 'info',
    says: `${server.id} is set otherwise than its primary ${primary.id} (${names}): after a failover the deployment would be another.`,
    first: `Where that is not meant: CONFIG SET on ${server.id} what its primary has, and CONFIG REWRITE.`,
    evidence: differing.map(({ name, here, there }): Fact => ({
      source: `CONFIG GET of ${server.id} and of ${primary.id}`,
      name,
      value: `${here}; the primary: ${there}`,
    })),
  }
}

/** A password was taken out where it was read: of two that are set, nobody knows whether they are the same. */
function shown(value: string): string {
  return value === '' ? '""' : value
}

interface Drift {
  readonly name: string
  readonly running: string
  readonly said: string
}

function driftOf({ config = {}, conf }: ServerEvidence): Drift[] {
  const directives = conf?.directives ?? {}
  const hasMore = directives['include'] !== undefined // what it says there was not read
  return [...Object.keys(RISKY), ...ONLY_IF_SAID].flatMap((name) => {
    const running = config[name]
    const said = directives[name] ?? directives[OLD_NAMES[name] ?? '']
    const meant = said ?? (hasMore ? undefined : RISKY[name])
    if (running === undefined || meant === undefined || isSame(running, meant)) return []
    return [{ name, running: shown(running), said: said === undefined ? `nothing (${shown(meant)})` : shown(said) }]
  })
}

/** `20mb` is 20971520; the last slash of a folder says nothing. */
function isSame(running: string, said: string): boolean {
  const plain = (text: string): string =>
    text
      .trim()
      .replaceAll(/\s+/g, ' ')
      .replace(/(.)\/$/, '$1')
      .toLowerCase()
  if (plain(running) === plain(said)) return true
  const [a, b] = [parseBytes(running), parseBytes(said)]
  return a !== undefined && a === b
}
