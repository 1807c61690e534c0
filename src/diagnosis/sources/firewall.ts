// The firewall rules of this machine that concern the server's port or its Cluster bus: those that name it, and those that
// turn everything away. `nft list ruleset` shows what iptables of today sets, too; the rules of older ones only
// iptables-save shows. To look at them takes the right to administer the network.

import { Fault } from '../../lib/fault.ts'
import { ANSWERS } from '../../redis/answers.ts'
import { runProgram, type Ran } from '../../supervisors/run-program.ts'
import type { FirewallSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const PROGRAMS: readonly (readonly [string, ...string[]])[] = [
  ['nft', 'list', 'ruleset'],
  ['iptables-save'],
  ['ip6tables-save'],
]
const WITHIN_MS = 1_500

export default {
  looksAt: 'nft list ruleset, iptables-save, ip6tables-save: rules about the port or the bus port',
  asks: false,
  after: ['config'],

  async look(server, seen) {
    const { view, local } = server
    if (process.platform !== 'linux' || view.address.port === undefined) return undefined
    const ran = await Promise.all(PROGRAMS.map(([program]) => server.once(`run ${program}`, () => run(program))))
    const answered = ran.filter((one): one is Ran => !(one instanceof Error) && one.exit === 0)
    if (answered.length === 0) {
      if (!isSuspect(server)) return undefined // nobody asks for the rules of a way that is open
      throw new Fault({
        doing: 'looking at the firewall of',
        target: local ? 'this machine' : `this machine, on the way to ${view.id}`,
        why: whyNot(ran),
        hint: `as root: iptables-save | grep ${view.address.port}, or nft list ruleset`,
      })
    }
    const ports = portsOf(view.address.port, seen)
    const rules = answered.flatMap(({ out }) => out.split('\n').map((line) => line.trim()))
    return { rules: [...new Set(rules.filter((rule) => concerns(rule, ports)))] } satisfies FirewallSeen
  },
} satisfies Source<'firewall'>

function run(program: string): Promise<Ran | Error> {
  const words = PROGRAMS.find(([name]) => name === program)?.slice(1) ?? []
  return runProgram(program, words, 'the firewall', WITHIN_MS).catch((error: Error) => error)
}

/** Is the way to it closed, or that between it and its fellows? */
function isSuspect({ view }: ServerAtHand): boolean {
  return ANSWERS[view.answer.id].alive === undefined || view.linkUp === false
}

function whyNot(ran: readonly (Ran | Error)[]): string {
  const failed = ran.find((one): one is Ran => !(one instanceof Error))
  if (failed !== undefined) return failed.err.trim().split('\n')[0] || `iptables-save ended with ${failed.exit}`
  return 'there is neither nft nor iptables-save here'
}

const BUS_OFFSET = 10_000 // Source: CLUSTER_PORT_INCR of Redis src/cluster.h

function portsOf(port: number, { config }: Partial<Seen>): readonly number[] {
  const bus = Number(config?.['cluster-port'] ?? 0)
  return [port, bus > 0 ? bus : port + BUS_OFFSET]
}

const PORTS = /--(?:dport|sport|dports|sports|ports)\s+(!\s+)?(\S+)|\b[ds]port\s+(!=\s+)?(\{[^}]*\}|\S+)/g
const TURNS_AWAY = /-j (?:DROP|REJECT)\b|\b(?:drop|reject)\b/
const NARROWER = /-[sdm] |-p (?:udp|icmp)|\bip6? [sd]addr\b|\bct state\b|\bicmp|\budp\b|comment|^chain|^table|^type/

/** Does it name one of these ports, or turn everything away? A default policy counts: `:INPUT DROP`, `policy drop`. */
function concerns(rule: string, ports: readonly number[]): boolean {
  const named = [...rule.matchAll(PORTS)]
  if (named.length > 0)
    return named.some(([, , saved = '', , listed = '']) => ports.some((port) => holds(saved || listed, port)))
  if (/^:(?:INPUT|OUTPUT) (?:DROP|REJECT)|hook (?:input|output).*policy drop/.test(rule)) return true
  return TURNS_AWAY.test(rule) && !NARROWER.test(rule) && !rule.startsWith('#')
}

/** `6379`, `6379:6389`, `6379,6380`, `{ 6379, 16379-16389 }`. */
function holds(text: string, port: number): boolean {
  return text
    .replaceAll(/[{}\s]/g, '')
    .split(',')
    .some((part) => {
      const [from = Number.NaN, to = from] = part.split(/[:-]/).map(Number)
      return port >= from && port <= to
    })
}
