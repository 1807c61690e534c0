// Who follows whom, and how far behind. A replica may follow a replica; offsets are those of the primary at the root, and
// the lag of each is counted on the primary's trail. A replica whose link is cut is no longer listed by anybody: what it
// acknowledged last counts on, so that its lag grows. While the primary cannot be asked, no lag is known.

import type { Replication } from '../redis/topology.ts'
import type { Member } from './member.ts'

const MOST_HOPS = 16 // a chain is short; a circle must end too

/** The primary that this member follows, over any number of replicas between. */
function primaryOf(member: Member, members: ReadonlyMap<string, Member>): Member | undefined {
  let at: Member | undefined = member
  for (let hop = 0; hop < MOST_HOPS && at !== undefined; hop += 1) {
    if (at.links?.replication?.role === 'primary') return at
    at = at.follows === undefined ? undefined : members.get(at.follows)
  }
  return undefined
}

/** Everybody who follows this primary, directly or not. */
function followersOf(primary: Member, members: ReadonlyMap<string, Member>): Member[] {
  return [...members.values()].filter((member) => member !== primary && primaryOf(member, members) === primary)
}

/** Must its offsets be asked for each second? */
export function isFollowed({ id, links }: Member, members: ReadonlyMap<string, Member>): boolean {
  if ((links?.replication?.replicas.length ?? 0) > 0) return true
  return [...members.values()].some(({ follows }) => follows === id)
}

/** Notes what a server just said of itself and of those who follow it; `resolve` gives the id behind a name. */
export function noteReplication(
  member: Member,
  replication: Replication,
  members: ReadonlyMap<string, Member>,
  { now, resolve }: { now: number; resolve: (name: string) => string },
): void {
  member.follows = replication.primary === undefined ? undefined : resolve(replication.primary)
  for (const { id, offset } of replication.replicas) {
    const replica = members.get(resolve(id))
    if (replica === undefined || replica === member) continue
    // 0 until the first acknowledgement of a link that is new; what was acknowledged over the old one still holds.
    if (offset > 0 || replication.offset === 0) replica.acknowledged = offset
    if (replica.links === undefined) replica.follows = member.id // it cannot say so itself
  }
  if (replication.role !== 'primary') return
  member.lagSeconds = undefined
  member.acknowledged = undefined
  member.trail.note(now, replication.offset)
  for (const follower of followersOf(member, members)) {
    const { acknowledged } = follower
    follower.lagSeconds = acknowledged === undefined ? undefined : member.trail.lagSeconds(now, acknowledged)
  }
}

/** The primary cannot be asked: what it wrote meanwhile, and so the lag of those who follow it, is not known. */
export function forgetLags(primary: Member, members: ReadonlyMap<string, Member>): void {
  if (primary.links?.replication?.role !== 'primary') return
  for (const member of followersOf(primary, members)) member.lagSeconds = undefined
}
