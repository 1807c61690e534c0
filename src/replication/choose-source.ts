// Whom to follow: a replica that is in step, since there nobody notices us (Sentinels read only the primary's list, and
// neither WAIT nor FAILOVER nor min-replicas look at those who follow a replica); the primary when there is no other, or
// when it was asked for. Who is there and how they are comes from whoever watches the deployment, as plain data.

import { showAddress } from '../redis/url.ts'
import type { Source } from './handshake.ts'

export interface Candidate extends Source {
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly answers: boolean // lets new clients in
  readonly answersForMs?: number | undefined // for so long it has; undefined counts as long
  readonly linkUp?: boolean | undefined // of a replica; undefined counts as up
  readonly lagSeconds?: number | undefined // of a replica
}

export type Attach = 'replica' | 'primary'

const IN_STEP_SECONDS = 10 // a replica that is further behind adds its lag to ours
const SETTLED_MS = 5_000 // a Cluster node that comes back waits two seconds to hear that it is primary no more
const NOTABLE_SECONDS = 2 // less is no reason to leave the one that is followed

/** The server to follow, or undefined when none can be. `current` is the id of the one that is followed now, or was last. */
export function chooseSource(
  candidates: readonly Candidate[],
  attach: Attach,
  current: string | undefined,
): Candidate | undefined {
  const answering = candidates.filter(({ answers }) => answers)
  const primaries = answering.filter(({ role }) => role === 'primary')
  // Who comes back after a failover says that it is primary until it hears of the new one, whose history is ours.
  const primary = primaries.find(isAt(current)) ?? primaries[0]
  if (attach === 'primary') return primary
  const isBack = (primary?.answersForMs ?? SETTLED_MS) < SETTLED_MS
  const kept = isBack ? answering.find(isAt(current)) : undefined
  const replicas = answering.filter(({ role, linkUp }) => role === 'replica' && linkUp !== false)
  const inStep = replicas.filter((replica) => lagOf(replica) <= IN_STEP_SECONDS)
  return nearest(inStep, current) ?? kept ?? primary ?? nearest(replicas, current) ?? candidates.find(isAt(current))
}

/**
 * While there is no primary, each replica's link is down. The one that is followed has our history, and may be the next
 * primary: whoever leaves it for that time comes back to a server that knows nothing of it. A primary that has just come
 * back is no reason either: it may hear any moment that our replica was promoted.
 */
function isAt(current: string | undefined): (candidate: Candidate) => boolean {
  return ({ address, role }) => role !== 'unknown' && showAddress(address) === current
}

function lagOf({ lagSeconds }: Candidate): number {
  return lagSeconds ?? 0
}

/** The one with the least lag; the one that is followed now is left only for one that is clearly nearer. */
function nearest(replicas: readonly Candidate[], current: string | undefined): Candidate | undefined {
  const sorted = replicas.toSorted(
    (a, b) => lagOf(a) - lagOf(b) || (showAddress(a.address) < showAddress(b.address) ? -1 : 1),
  )
  const followed = sorted.find(({ address }) => showAddress(address) === current)
  const [first] = sorted
  if (first === undefined || followed === undefined) return first
  return lagOf(followed) - lagOf(first) <= NOTABLE_SECONDS ? followed : first
}
