// The server runs and the way to it is closed: it listens on another address or port, or a firewall stands between.
// "Connection refused" is also what a process that is down looks like from outside, so that it is only said where the
// process, its sockets or a second vantage point show that it is alive.

import type { Answered, Fact, Found, ServerCheck } from '../check.ts'
import type { Evidence, FirewallSeen, ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { severityOfLoss } from '../readings/reading.ts'

const CLOSED: ReadonlySet<string> = new Set(['refused', 'timed-out', 'unreachable'])

export default {
  asks: 'Does the server run while the way to it is closed?',

  look(server, evidence) {
    const { answer, listening, local } = server
    if (!CLOSED.has(answer.id)) return undefined
    const witness = witnessOf(server, evidence)
    if (local && listening?.meets !== undefined) return isOverflow(server) ? overflow(server) : closedBetween(server)
    if (local && listening !== undefined && elsewhere(server).length > 0) return boundElsewhere(server)
    if (witness !== undefined) return closedBetween(server, witness)
    if (answer.id === 'refused' || local) return undefined // process-down says what it may be
    return {
      between: ['bind-or-firewall', 'process-down'],
      says: `${server.address} does not answer the attempt to connect: a firewall drops it, the network is cut, or its machine is down.`,
      wouldTell: `from a second place: redis-cli -u redis://${server.address} PING; on its machine: iptables-save | grep ${portOf(server)}`,
    }
  },
} satisfies ServerCheck

/** No rule is to blame, and this machine has dropped connections because a queue was full. */
function isOverflow({ answer, firewall, kernel }: ServerEvidence): boolean {
  const isFree = firewall !== undefined && firewall.rules.every((rule) => !TURNS_AWAY.test(rule))
  return answer.id === 'timed-out' && isFree && (kernel?.listenOverflows ?? 0) > 0
}

function overflow({ id, address }: ServerEvidence): Answered {
  return {
    between: ['accept-backlog', 'bind-or-firewall'],
    says: `${id} listens and a new connection got no answer, and no rule of the firewall here names it: its queue of new connections may have been full.`,
    wouldTell: `try again; then nstat -az TcpExtListenOverflows, and ss -ltn 'sport = :${address.replace(/^.*:/, '')}' (Recv-Q near Send-Q: full)`,
  }
}

function portOf({ address }: ServerEvidence): string {
  return address.replace(/^.*:/, '')
}

/** Somebody who reaches it: a replica whose link is up, a Sentinel that does not take it for down. */
function witnessOf({ id }: ServerEvidence, { servers }: Evidence): Fact | undefined {
  const replica = servers.find(({ primary, linkUp, asked }) => asked && primary === id && linkUp === true)
  if (replica !== undefined) return { source: `INFO of ${replica.id}`, name: 'master_link_status', value: 'up' }
  for (const { id: sentinel, sentinel: watched = [] } of servers) {
    const master = watched.find(({ fields }) => `${fields['ip']}:${fields['port']}` === id)
    if (master?.fields['flags'] === 'master')
      return { source: `SENTINEL MASTER of ${sentinel}`, name: 'flags', value: 'master, not s_down' }
  }
  return undefined
}

/** Where it listens instead: its process is known, or its port is open on another address. */
function elsewhere({ listening }: ServerEvidence): readonly string[] {
  if (listening === undefined) return []
  return listening.otherPorts.length > 0 ? listening.otherPorts : listening.sockets.map(({ name }) => name)
}

function boundElsewhere(server: ServerEvidence): Answered {
  const places = elsewhere(server).join(', ')
  return {
    ...common(server),
    says: `${server.id} runs and listens on ${places}, and not at ${server.address}: its address or port was changed.`,
    evidence: [{ source: 'ss -ltn', name: 'its sockets', value: places }],
    ruledOut: [{ check: 'process-down', by: `its process is alive and listens on ${places}` }],
    actions: [
      { id: 'revert-drift', why: 'bind or port of the running server goes back to what its configuration file says' },
    ],
  }
}

function closedBetween(server: ServerEvidence, witness?: Fact): Answered {
  const { listening, process, answer, firewall } = server
  const rules = firewall === undefined ? [] : guiltyRules(firewall, portOf(server))
  const does = answer.id === 'timed-out' ? 'drops' : 'rejects'
  const who = rules.length > 0 ? `the rule "${rules[0]}" ${does} it` : `something between ${does} what comes`
  const reached = witness === undefined ? 'its own socket is open' : 'others reach it'
  const alive = witness ?? { source: 'ss -ltn', name: listening?.meets ?? '', value: 'it listens' }
  const pid = process === undefined ? '' : ` (pid ${process.pid})`
  return {
    ...common(server),
    says: `${server.id} runs${pid} and ${reached}, and a new connection from here is not let through: ${who}.`,
    evidence: [
      alive,
      { source: 'a new connection', name: answer.id, value: answer.text ?? answer.id },
      ...rules.map((rule) => ({ source: 'iptables-save', name: 'rule', value: rule })),
    ],
    ruledOut: [
      { check: 'process-down', by: witness === undefined ? 'somebody listens there' : `${alive.source} reaches it` },
      ...(process === undefined || process.state === 'T'
        ? []
        : [{ check: 'process-stopped', by: `its process is in state ${process.state}` }]),
    ],
  }
}

const TURNS_AWAY = /\b(?:DROP|REJECT|drop|reject)\b/

/** Those that turn away and name the port; where none does, those that turn everything away. */
function guiltyRules({ rules }: FirewallSeen, port: string): readonly string[] {
  const away = rules.filter((rule) => TURNS_AWAY.test(rule))
  const naming = away.filter((rule) => new RegExp(`\\b${port}\\b`).test(rule) || /ports?\b.*[:-]/.test(rule))
  return naming.length > 0 ? naming : away
}

function common(server: ServerEvidence): Pick<Found, 'kind' | 'severity' | 'alerts' | 'brings'> {
  return {
    kind: 'fault',
    severity: severityOfLoss(server),
    alerts: ['RedisDown', 'RedisServerMissing', 'RedisDisconnectedSlaves'],
    brings: OUT_OF_SERVICE_BRINGS,
  }
}
