// A cut in the network between some processes of one scene. All of them are on one loopback interface, so those that are
// to be cut off speak from an address of their own (`bind-source-addr 127.0.0.2`) and are told apart by it. Only inside
// the scene's own network: the rules end with it.

import { execFileSync } from 'node:child_process'

/**
 * Lines of redis.conf of a server that speaks from an address of its own and is still reached where the others are. To
 * a server in protected mode only 127.0.0.1 is loopback, so that it would be refused.
 */
export function apart(address: string): string[] {
  return [`bind-source-addr ${address}`, 'replica-announce-ip 127.0.0.1', 'protected-mode no']
}

interface Cut {
  readonly how: 'drop' | 'reject' // packets vanish, or connections are reset
  readonly match: readonly string[] // as iptables takes it: `-s 127.0.0.2`
}

/** Needs root and iptables. Returns what mends it; to mend twice does no harm. */
function cutNetwork({ how, match }: Cut): () => void {
  const target = how === 'drop' ? ['DROP'] : ['REJECT', '--reject-with', 'tcp-reset']
  const rule = ['INPUT', '-p', 'tcp', ...match, '-j', ...target]
  execFileSync('iptables', ['-A', ...rule])
  let stands = true
  return () => {
    if (stands) execFileSync('iptables', ['-D', ...rule])
    stands = false
  }
}

/** Everything from and to one address. */
export function cutOff(address: string, how: Cut['how'] = 'drop'): () => void {
  const mends = [cutNetwork({ how, match: ['-s', address] }), cutNetwork({ how, match: ['-d', address] })]
  return () => mends.forEach((mend) => mend())
}

/** Loses this share of what is sent to an address. */
export function loseTo(address: string, share: number): () => void {
  const chance = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)]
  return cutNetwork({ how: 'drop', match: ['-d', address, ...chance] })
}

/** Lines of sentinel.conf of a Sentinel that speaks from an address of its own. */
export function apartSentinel(address: string): string[] {
  return [`bind-source-addr ${address}`, 'sentinel announce-ip 127.0.0.1']
}

/** Whoever speaks from that address no longer reaches the port; others do. */
export function cutBetween(address: string, port: number): () => void {
  const there = ['-s', address, '--dport', String(port)]
  const back = ['-d', address, '--sport', String(port)]
  const mends = [there, back].map((match) => cutNetwork({ how: 'drop', match }))
  return () => mends.forEach((mend) => mend())
}

/** A node of a Cluster and its fellows reach each other no more; whoever speaks from elsewhere reaches all of them. */
export function cutNode(node: {
  readonly own: string
  readonly fellows: string
  readonly ports: readonly number[]
}): () => void {
  const ports = node.ports.flatMap((port) => [
    ['-s', node.fellows, '--dport', String(port)],
    ['-d', node.fellows, '--sport', String(port)],
  ])
  const matches = [['-s', node.own], ['-d', node.own], ...ports]
  const mends = matches.map((match) => cutNetwork({ how: 'drop', match }))
  return () => mends.forEach((mend) => mend())
}

interface Bus {
  readonly own: string // the address that the node speaks from
  readonly port: number // its bus port
  readonly others: readonly number[] // those of its fellows
  readonly how: Cut['how']
}

/**
 * Nothing passes on the Cluster bus from or to that node. Both ways: since 7.0 a node that can still send is not taken for
 * failed, though nobody can send to it.
 */
export function closeBus({ own, port, others, how }: Bus): () => void {
  const ofOthers = others.flatMap((other) => [
    ['-s', own, '--dport', String(other)],
    ['-d', own, '--sport', String(other)],
  ])
  const matches = [['--dport', String(port)], ['--sport', String(port)], ...ofOthers]
  const mends = matches.map((match) => cutNetwork({ how, match }))
  return () => mends.forEach((mend) => mend())
}
