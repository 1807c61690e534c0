// A container announces an address that leads nowhere from here; the same port on the seed's host may be where it is
// published. Whoever answers there counts only when it proves to be the server that is looked for.

import type { AnswerId } from '../redis/answers.ts'
import { askOf } from '../redis/ask.ts'
import { openConnection } from '../redis/connection.ts'
import type { Address } from '../redis/url.ts'
import { readLinks, type Links } from './links.ts'
import type { Member } from './member.ts'

// Nobody there, or somebody else: private addresses are used in many networks at once.
const AWAY: ReadonlySet<AnswerId | undefined> = new Set([
  'timed-out',
  'unreachable',
  'unknown-host',
  'refused',
  'not-redis',
  'reset',
  'silent',
  'tls',
])
const TIMEOUT_MS = 1_500

/** The address at which the member is reached instead, or undefined. Never throws. */
export async function findOtherAddress(
  member: Member,
  seedHost: string,
  members: ReadonlyMap<string, Member>,
  masterName: string | undefined,
): Promise<Address | undefined> {
  const { host, port } = member.address
  if (!AWAY.has(member.watch.answer?.id) || port === undefined || host === seedHost) return undefined
  const address = { host: seedHost, port }
  try {
    const connection = await openConnection({ address, access: member.access, timeoutMs: TIMEOUT_MS })
    const links = await readLinks(askOf(connection.send), masterName).finally(() => connection.close())
    return isTheSame(member, links, members, masterName) ? address : undefined
  } catch {
    return undefined // nothing there either; the member's own answer says what is wrong
  }
}

function isTheSame(
  member: Member,
  links: Links,
  members: ReadonlyMap<string, Member>,
  masterName: string | undefined,
): boolean {
  const others = [...members.values()]
  if (others.some((other) => other.links?.runId === links.runId)) return false // somebody whom we know already
  if (links.cluster) return links.myself === member.id
  if (links.role === 'sentinel') return masterName !== undefined && links.masterNames.includes(masterName)
  const history = links.replication?.replid
  return history !== undefined && others.some((other) => other.links?.replication?.replid === history)
}
