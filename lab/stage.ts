// The healthy fleet that most faults begin with: one server or a primary with replicas, with data, behind a password or
// not, as a variant says.

import type { Variant } from './fault.ts'
import { goFirst } from './go-first.ts'
import type { Random } from './random.ts'
import { startReplica, startServer, type Server, type StartOptions } from './servers.ts'

export interface Stage {
  readonly primary: Server
  readonly replicas: readonly Server[]
  readonly servers: readonly Server[]
  readonly url: string
  readonly access: Server['access']
  stop(): Promise<void>
}

const PASSWORD = 'open sesame'

export interface StageOptions extends StartOptions {
  readonly ofPrimary?: StartOptions // what replicas do not have: its folder, its user
}

/** Snapshots as a server takes them that nobody has configured: a fleet that is well writes its data somewhere. */
export const SAVES = ['save 3600 1 300 100 60 10000']

/** Starts it and fills it with about as many keys as the variant says, of mixed sizes under usual names. */
export async function startStage(variant: Variant, random: Random, options: StageOptions = {}): Promise<Stage> {
  const { password, replicas: count = 0, conf = [], keys } = variant
  const login = password === true ? { password: PASSWORD } : {}
  const { ofPrimary = {}, ...ofAll } = options
  const started = { debug: true, ...login, ...ofAll, conf: [...SAVES, ...(ofAll.conf ?? []), ...conf] }
  const own = { ...started, ...ofPrimary, conf: [...started.conf, ...(ofPrimary.conf ?? [])] }
  const primary = await startServer({ name: 'primary', ...own })
  const replicas: Server[] = []
  try {
    await fill(primary, random.between(Math.ceil(keys * 0.8), Math.ceil(keys * 1.2)), random)
    await primary.cli('SLOWLOG', 'RESET') // of filling it nothing is to be seen
    for (let at = 0; at < count; at += 1) replicas.push(await startReplica(primary, { ...started, name: 'replica' }))
  } catch (error) {
    await Promise.all([primary, ...replicas].map((server) => server.stop()))
    throw error
  }
  const servers = [primary, ...replicas]
  for (const { pid } of servers) goFirst(pid)
  return {
    primary,
    replicas,
    servers,
    url: primary.url,
    access: primary.access,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  }
}

const PREFIXES = ['session', 'cache', 'user', 'order']

/** Keys as applications have them: some under each prefix. Without DEBUG, where a server forbids it, they are not made. */
async function fill(server: Server, keys: number, random: Random): Promise<void> {
  if (keys === 0) return
  const each = Math.ceil(keys / PREFIXES.length)
  for (const prefix of PREFIXES)
    await server.cli('DEBUG', 'POPULATE', String(each), prefix, String(random.between(20, 200)))
}
