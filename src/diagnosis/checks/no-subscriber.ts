// Messages that are published and heard by nobody: publish and subscribe keeps nothing, so that they are gone. Whether the
// server itself passes messages on is tried with one of our own.

import type { ClientLine } from '../../redis/client-list.ts'
import type { Answered, Fact, ServerCheck, Undecided } from '../check.ts'
import type { Evidence, PubSubSeen, ServerEvidence } from '../evidence.ts'
import { isGone } from '../readings/ending.ts'
import { dataServers, infoFact, infoNumber, infoRate, samplesOf, setting, settingFact } from '../readings/reading.ts'

const HELLO = '__sentinel__:hello'
const OF_OURS_A_SECOND = 1.5 // a message of our own, as this look publishes one
const OF_LOOKS_A_SECOND = 4.5 // a look publishes it twice where the first is late, and a daemon may look at the same time
const SUBSCRIPTIONS = ['redis_pubsub_channels', 'redis_pubsub_patterns'] // of a daemon's samples
const OF_KEYS = /^__key(?:space|event)@/

export default {
  asks: 'Are messages published that nobody hears?',

  look(server, evidence) {
    const { pubsub } = server
    if (pubsub === undefined) return undefined
    if (pubsub.probe === 'lost') return lost(server, pubsub)
    return keyEventsOff(server, pubsub) ?? unheard(server, evidence, pubsub)
  },
} satisfies ServerCheck

function probed({ probe, why }: PubSubSeen): Fact {
  return {
    source: 'a message of our own',
    name: 'published and heard',
    value: why === undefined ? probe : `${probe}: ${why}`,
  }
}

function lost(server: ServerEvidence, pubsub: PubSubSeen): Answered {
  return {
    kind: 'fault',
    severity: 'warning',
    says: `A message that Respite published on ${server.id} was not heard by its own subscriber, twice: the server does not pass messages on.`,
    evidence: [probed(pubsub)],
    ruledOut: [{ check: 'process-stopped', by: 'the server answers PING' }],
  }
}

/** Somebody waits to be told of keys, and the server is set to tell nobody. */
function keyEventsOff(server: ServerEvidence, pubsub: PubSubSeen): Answered {
  const waiting = pubsub.channels.filter(({ channel, subscribers }) => OF_KEYS.test(channel) && subscribers > 0)
  const [first] = waiting
  if (first === undefined || setting(server, 'notify-keyspace-events') !== '') return undefined
  return {
    kind: 'fault',
    severity: 'warning',
    says: `${first.subscribers} clients of ${server.id} wait on ${first.channel}, and the server is set to tell nothing of keys (notify-keyspace-events is empty).`,
    first: `CONFIG SET notify-keyspace-events with the letters of the events that are waited for (Ex: keys that expired), and CONFIG REWRITE.`,
    evidence: [
      { source: 'PUBSUB NUMSUB', name: first.channel, value: String(first.subscribers) },
      settingFact(server, 'notify-keyspace-events'),
    ],
    ruledOut: [{ check: 'slow-subscriber', by: 'nothing is sent to them' }],
  }
}

/** Subscribers may be at any server of the deployment: messages reach replicas, and all nodes of a Cluster. */
function unheard(server: ServerEvidence, evidence: Evidence, pubsub: PubSubSeen): Answered {
  const rate = infoRate(server, 'cmdstat_publish', 'calls') ?? 0
  const others = dataServers(evidence)
  if (others.some(({ id }) => id === server.primary)) return undefined // what its primary publishes comes to it too
  // Sentinels publish, too, and often while they agree: then somebody else has to be seen doing it, and where it is little.
  const mayBeOthers = evidence.servers.some(isOfSentinels) || rate <= OF_LOOKS_A_SECOND
  if (mayBeOthers && !(server.clients ?? []).some(isPublisher)) return undefined
  const hears = others.some(({ pubsub: seen, info }) => {
    const listed = seen?.channels.filter(({ channel, subscribers }) => channel !== HELLO && subscribers > 0).length ?? 0
    const unlisted = Number(info?.fields['pubsub_channels'] ?? 0) > 0 && seen?.channels.length === 0
    return listed > 0 || unlisted || (seen?.patterns ?? 0) > 0
  })
  if (hears || rate <= OF_OURS_A_SECOND) return undefined
  const unseen = others.filter((other) => other.pubsub === undefined && mayHaveSubscribers(other, evidence))
  if (unseen.length > 0) return undecided(server, unseen, rate)
  const channels = infoNumber(server, 'pubsub_channels')
  return {
    kind: 'fault',
    severity: 'warning',
    says: `${rate.toFixed(1)} messages a second are published on ${server.id} and nobody hears them: no client subscribes to anything, and what was published is gone.`,
    first:
      'See whether the subscribers are connected, and to this server; messages are kept by nobody: where none may be lost, use a stream.',
    evidence: [
      { source: 'INFO commandstats', name: 'cmdstat_publish', value: `${rate.toFixed(1)} calls a second` },
      ...(channels === undefined ? [] : [infoFact(server, 'stats', 'pubsub_channels')]),
      { source: 'PUBSUB NUMPAT', name: 'patterns', value: String(pubsub.patterns) },
      probed(pubsub),
    ],
    ruledOut: [
      ...(pubsub.probe === 'ok'
        ? [{ check: 'missing-permission', by: 'a message of our own was published and heard' }]
        : []),
      { check: 'slow-subscriber', by: 'there is no subscriber that could be too slow' },
    ],
  }
}

/** A process that is gone has none, and one where a daemon last saw none has none that is known. */
function mayHaveSubscribers(server: ServerEvidence, evidence: Evidence): boolean {
  if (server.answer.id === 'refused' && isGone(server) === true) return false
  const last = SUBSCRIPTIONS.map((name) => samplesOf(evidence, name, server.id).at(-1)?.[1])
  return !last.every((count) => count === 0)
}

function undecided({ id }: ServerEvidence, unseen: readonly ServerEvidence[], rate: number): Undecided {
  const where = unseen.map((server) => server.id).join(', ')
  return {
    between: ['no-subscriber', 'replica-lag'],
    says: `${rate.toFixed(1)} messages a second are published on ${id} and no client subscribes there; whether any does at ${where}, which does not say, cannot be seen.`,
    wouldTell: `PUBSUB CHANNELS and PUBSUB NUMPAT at ${where}, as soon as it answers`,
  }
}

const OF_A_SENTINEL = /^sentinel-.*-(?:cmd|pubsub)$/ // Source: sentinelSetClientName of Redis src/sentinel.c

function isPublisher({ cmd, name = '' }: ClientLine): boolean {
  return cmd === 'publish' && name !== 'respite' && !OF_A_SENTINEL.test(name)
}

/** A Sentinel, or a server that one watches: its connections have names, and it listens for the others. */
function isOfSentinels({ role, clients = [], pubsub }: ServerEvidence): boolean {
  return (
    role === 'sentinel' ||
    clients.some(({ name = '' }) => OF_A_SENTINEL.test(name)) ||
    pubsub?.channels.some(({ channel }) => channel === HELLO) === true
  )
}
