// The topology that is expected. What was found at the first look is expected from then on, and kept over a restart of
// Respite; a server that vanishes later is missed although nobody names it any more, and one that appears later is new
// until a person accepts it.

import type { DeploymentWatch } from './watch-deployment.ts'
import { roleOf, type Member } from './member.ts'
import type { Role } from './server.ts'

/** Where the expected topology is kept. */
export interface ExpectedServers {
  list(deployment: string): readonly { readonly id: string; readonly role: Role }[]
  put(deployment: string, id: string, role: Role): void // puts it or changes its role
  remove(deployment: string, id: string): void
}

/** For one look, which has no yesterday. */
export const NOTHING_EXPECTED: ExpectedServers = { list: () => [], put: () => undefined, remove: () => undefined }

const FORGET_NEW_AFTER_MS = 60_000 // a server that came and went without being accepted

export interface Standings {
  /** Recomputes all standings; returns the members that changed. */
  update(settled: boolean, now: number): Member[]
  accept(id: string): boolean
  forget(id: string): boolean
  rename(from: string, to: string): void
}

export function makeStandings(name: string, watch: DeploymentWatch, expected: ExpectedServers): Standings {
  const known = new Map(expected.list(name).map((entry) => [entry.id, entry.role]))
  let learning = known.size === 0
  // Watched even when nobody names them any more: that is the point of remembering.
  for (const [id, role] of known) watch.add(id, role)

  const put = (member: Member): void => {
    known.set(member.id, roleOf(member))
    expected.put(name, member.id, roleOf(member))
  }

  const standingOf = (member: Member, named: ReadonlySet<string>, anybodyAsked: boolean): Member['standing'] => {
    // At the very first look nothing is new: what is found is what is expected from then on.
    if (!known.has(member.id)) return learning ? 'expected' : 'new'
    // Nobody could be asked: not knowing is not missing.
    return !anybodyAsked || named.has(member.id) ? 'expected' : 'missing'
  }

  return {
    update(settled, now) {
      const { ids, namers } = watch.named()
      if (learning && settled && namers > 0) {
        for (const member of watch.members.values()) put(member)
        learning = false
      }
      const changed: Member[] = []
      for (const member of watch.members.values()) {
        const standing = standingOf(member, ids, namers > 0)
        if (standing !== member.standing) changed.push(member)
        member.standing = standing
        const role = roleOf(member)
        if (standing === 'expected' && role !== 'unknown' && known.get(member.id) !== role) put(member)
        if (standing !== 'new' || learning || ids.has(member.id)) member.unnamedSince = undefined
        else if (now - (member.unnamedSince ??= now) > FORGET_NEW_AFTER_MS) watch.drop(member.id)
      }
      return changed
    },
    accept(id) {
      const member = watch.members.get(id)
      if (member === undefined) return false
      put(member)
      return true
    },
    forget(id) {
      const was = known.delete(id)
      if (was) expected.remove(name, id)
      const member = watch.members.get(id)
      if (member === undefined) return was
      if (!member.seed) watch.drop(id)
      return true
    },
    rename(from, to) {
      const role = known.get(from)
      if (role === undefined) return
      known.delete(from)
      expected.remove(name, from)
      known.set(to, role)
      expected.put(name, to, role)
    },
  }
}
