// Connections that wait to be accepted stand in a queue, and the kernel cuts its length to somaxconn. When it is full, a
// new connection is dropped without a word, and its client tries again after a second, then after three.

import type { ServerCheck } from '../check.ts'
import { settingFact, settingNumber } from '../readings/reading.ts'

export default {
  asks: 'Is the queue of connections that wait to be accepted too short?',

  look(server) {
    const wanted = settingNumber(server, 'tcp-backlog')
    const { kernel, process, listening } = server
    const allowed = kernel?.somaxconn
    if (wanted === undefined || allowed === undefined) return undefined
    const length = Math.min(wanted, allowed)
    const dropped = kernel?.listenOverflows ?? 0
    const waiting = process?.acceptQueue ?? listening?.sockets[0]?.queue ?? 0
    const isFull = waiting >= length && length > 0
    if (wanted <= allowed && !isFull) return undefined
    const isCut = wanted > allowed
    return {
      kind: isFull ? 'fault' : dropped > 0 ? 'risk' : 'advice',
      severity: isFull || dropped > 0 ? 'warning' : 'info',
      says: `${isCut ? `The queue of ${server.id} for new connections is cut from ${wanted} to ${allowed} by the kernel` : `The queue of ${server.id} for new connections holds ${length}`}${
        isFull ? `, and ${waiting} stand in it: further ones are dropped` : ''
      }.${dropped > 0 ? ` ${dropped} connections were dropped on this machine since it was started: their clients waited a second or three.` : ''}`,
      first:
        'Raise net.core.somaxconn on its machine (sysctl -w net.core.somaxconn=1024) and tcp-backlog, which counts from its next start; and find who opens so many connections at once.',
      evidence: [
        { source: '/proc/sys/net/core', name: 'somaxconn', value: String(allowed) },
        settingFact(server, 'tcp-backlog'),
        { source: '/proc/net/netstat', name: 'ListenOverflows', value: String(dropped) },
      ],
      ruledOut: [{ check: 'maxclients-reached', by: 'those that come in are served' }],
      alerts: ['RedisLatencyHigh'],
    }
  },
} satisfies ServerCheck
