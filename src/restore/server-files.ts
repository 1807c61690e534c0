// What a restored server needs beside its data, from the base's `server.json`: the old server's settings, its users, its
// modules. It becomes a folder beside the data, for its owner's eyes only, since secrets stand in it as the server kept them.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredBase } from '../archive/catalog.ts'
import { readSealed, type Reading } from '../archive/read-segment.ts'
import type { ServerContext } from '../archive/server-context.ts'
import { partOf } from '../archive/verify-base.ts'
import { reasonOf } from '../lib/fault.ts'

/** What was written down of the server; a sentence that says why it is not there. */
export async function readServerFiles(reading: Reading, base: StoredBase): Promise<ServerContext | string> {
  if (base.server === null)
    return 'Settings, users and modules of the server were not kept: an archive without recipients holds them on a local disk only.'
  try {
    const chunks = await Array.fromAsync(readSealed(reading, partOf(base, base.server)))
    return JSON.parse(Buffer.concat(chunks).toString()) as ServerContext
  } catch (error) {
    return `What the server needs beside its data could not be read: ${reasonOf(error)}.`
  }
}

/** What a server has to have, in sentences. */
export function needsOf({ config, acl, modules, couldNotLook }: ServerContext): string[] {
  const users = acl.flatMap((line) => /^user (\S+)/.exec(line)?.[1] ?? []).filter((name) => name !== 'default')
  const loaded = modules.map((module) => module['name'] ?? '?')
  return [
    ...(loaded.length === 0 ? [] : [`It needs the modules ${loaded.join(', ')} (--loadmodule).`]),
    ...(users.length === 0 ? [] : [`Users that are no default: ${users.join(', ')}; in server-context/users.acl.`]),
    ...(config['requirepass'] === undefined || config['requirepass'] === ''
      ? []
      : ['The old server wanted a password; the command above starts one without. See server-context/redis.conf.']),
    ...couldNotLook.map(({ at, why }) => `Not kept of the old server: ${at} (${why}).`),
  ]
}

/** Options of the command line without which the data does not load. */
export function startOptions({ config }: ServerContext): string[] {
  const databases = Number(config['databases'] ?? 16)
  return databases > 16 ? ['--databases', String(databases)] : []
}

/** Writes `server-context/` into the folder of a shard. */
export async function writeServerFiles(folder: string, context: ServerContext): Promise<void> {
  const dir = join(folder, 'server-context')
  await mkdir(dir, { mode: 0o700 })
  const write = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text, { mode: 0o600 })
  await write('redis.conf', configLines(context.config).join('\n') + '\n')
  if (context.acl.length > 0) await write('users.acl', context.acl.join('\n') + '\n')
  await write('server.json', JSON.stringify(context, null, 2) + '\n')
}

// They speak of a place on the old machine, or of its part in a replication that is no more.
const OF_THE_MACHINE = new Set(
  'dir dbfilename appendonly appendfilename appenddirname port tls-port bind bind-source-addr unixsocket unixsocketperm pidfile logfile daemonize supervised replicaof aclfile cluster-config-file cluster-enabled cluster-port cluster-announce-ip cluster-announce-port cluster-announce-tls-port cluster-announce-bus-port cluster-announce-hostname replica-announce-ip replica-announce-port server_cpulist bio_cpulist aof_rewrite_cpulist bgsave_cpulist server-cpulist bio-cpulist aof-rewrite-cpulist bgsave-cpulist tls-cert-file tls-key-file tls-ca-cert-file tls-ca-cert-dir tls-client-cert-file tls-client-key-file tls-dh-params-file loadmodule'.split(
    ' ',
  ),
)

// Their values are several words in a file, and one reply of CONFIG GET (config.c, MULTI_ARG_CONFIG).
const SEVERAL_WORDS = new Set([
  'save',
  'bind',
  'client-output-buffer-limit',
  'oom-score-adj-values',
  'latency-tracking-info-percentiles',
  'shutdown-on-sigint',
  'shutdown-on-sigterm',
])

function configLines(config: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(config)
    .filter(([name]) => !name.includes('slave')) // the old names of settings that are there under their new ones
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const line = ([name, value]: readonly [string, string]): string =>
    SEVERAL_WORDS.has(name) && value !== '' ? `${name} ${value}` : `${name} ${JSON.stringify(value)}`
  return [
    '# The settings of the server that the base was taken from, as CONFIG GET said them. Secrets are among them.',
    ...entries.filter(([name]) => !OF_THE_MACHINE.has(name)).map(line),
    '',
    '# They belong to the old machine and its place in a replication:',
    ...entries.filter(([name]) => OF_THE_MACHINE.has(name)).map((entry) => `# ${line(entry)}`),
  ]
}
