// One server, one member. The same server is known under several names: a host name and an address, a container's
// address and the published port. It is recognised by the name that it announces itself, by its run id, or, behind
// NAT, by the replication history that it shares with those who follow it.

import type { Links } from './links.ts'
import { sameHost } from './links.ts'
import { wasReached, type Member } from './member.ts'

export interface Names {
  /** The id of the member that a name stands for; the name itself when nobody is known under it. */
  resolve(name: string): string
  /** Joins the member with whoever it turns out to be, and returns the one that stays. */
  identify(member: Member, links: Links): Member
}

/** `members` is changed in place: by id, as everywhere. */
export function makeNames(members: Map<string, Member>, onRename: (from: string, to: string) => void): Names {
  const aliases = new Map<string, string>()
  const resolve = (name: string): string => {
    const id = sameHost(name)
    return aliases.get(id) ?? id
  }

  /** Gives a member its announced name; one that had the name already and is not reached (any more) gives way. */
  const rename = (member: Member, to: string): Member => {
    const from = member.id
    const holder = members.get(to)
    for (const [name, id] of aliases) if (id === from) aliases.set(name, to)
    aliases.set(from, to)
    aliases.delete(to)
    members.delete(from)
    if (holder !== undefined && holder !== member) {
      holder.seed ||= member.seed
      const moved = holder.watch.ask === undefined && member.watch.ask !== undefined // it has another address now
      if (wasReached(holder) && !moved) {
        member.watch.stop()
        return holder
      }
      member.seed ||= holder.seed
      holder.watch.stop()
    }
    member.id = to
    members.set(to, member)
    onRename(from, to)
    return member
  }

  const sameRun = (member: Member, links: Links): Member | undefined =>
    links.runId === undefined
      ? undefined
      : [...members.values()].find((other) => other !== member && other.links?.runId === links.runId)

  /** The seed that is the primary which this replica names by an address that leads nowhere from here. */
  const seedBehind = ({ id }: Member, links: Links): Member | undefined => {
    const follows = links.replication?.primary
    // Without a link it has been sent to an address where nobody need be, and the seed still lists it of old.
    if (follows === undefined || links.replication?.linkUp !== true) return undefined
    const named = members.get(resolve(follows))
    if (named !== undefined && wasReached(named)) return undefined
    return [...members.values()].find(({ seed, links: own }) => {
      const history = own?.replication
      if (!seed || history?.role !== 'primary' || history.replid !== links.replication?.replid) return false
      // A replica of a replica has the same history and another primary: who lists it is the one whom it names.
      return history.replicas.some((replica) => resolve(replica.id) === id)
    })
  }

  return {
    resolve,
    identify(member, links) {
      const announced = links.myself === undefined ? undefined : sameHost(links.myself)
      if (announced !== undefined && announced !== member.id) return rename(member, announced)
      const twin = sameRun(member, links)
      if (twin !== undefined) return twin.seed ? rename(twin, member.id) : rename(member, twin.id)
      const seed = seedBehind(member, links)
      if (seed !== undefined) rename(seed, sameHost(links.replication?.primary ?? ''))
      return member
    },
  }
}
