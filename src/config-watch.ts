// Keeps the configuration current: made again when its file or a file that it names changes, and on SIGHUP. A new one
// that is wrong is refused with all its mistakes, and the old one stays in force.
//
// Files are looked at once a second instead of being subscribed to: a stat sees editors that rename, Kubernetes that
// swaps a symbolic link, and network folders alike, and a handful of them a second costs nothing. A change counts when
// two looks in a row agree, so that a file half written is not read.

import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { tryConfig, type Attempt, type Config, type ConfigSource } from './config.ts'
import { systemClock, type Clock, type Timer } from './lib/clock.ts'
import { Fault, reasonOf } from './lib/fault.ts'

export interface ConfigWatchOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly clock?: Clock
  readonly everyMs?: number
  onChange(config: Config): void
  onRefused(fault: Fault): void
}

export interface ConfigWatch {
  /** Makes the configuration again now, changed or not; what SIGHUP does. */
  reload(): Promise<void>
  stop(): void
}

/** `config` is the one in force. What was made from URLs alone has nothing to reload but the files of their flags. */
export function watchConfig(config: Config, options: ConfigWatchOptions): ConfigWatch {
  const { env = process.env, clock = systemClock, everyMs = 1_000, onChange, onRefused } = options
  const { source } = config
  let { files } = config
  let taken: string | undefined // how the files looked when the configuration was last made
  let before: string | undefined // how they looked a moment ago
  let stopped = false
  let work = Promise.resolve()

  // Read, look, and read again: had a file changed between reading it and looking at it, nobody would ever notice.
  const settle = async (made: Attempt): Promise<Attempt> => {
    for (;;) {
      files = [...new Set([...made.files, ...(made.config === undefined ? files : [])])]
      before = taken = await looksOf(files)
      const again = await attempt(source, env)
      if (isSame(made, again)) return made
      made = again
    }
  }
  const tell = (made: Attempt): void => {
    if (stopped) return
    if (made.config === undefined) onRefused(made.fault)
    else onChange({ ...made.config, warnings: [...made.config.warnings, ...waitingForRestart(config, made.config)] })
  }
  const make = async (): Promise<void> => tell(await settle(await attempt(source, env)))
  const begin = async (): Promise<void> => {
    const inForce: Attempt = { files, config }
    const found = await settle(inForce)
    if (found !== inForce) tell(found)
  }
  const look = async (): Promise<void> => {
    const now = await looksOf(files)
    if (now !== taken && now === before) await make()
    else before = now
  }
  // One at a time: a SIGHUP in the middle of a look waits for it.
  const queue = (step: () => Promise<void>): Promise<void> => (work = work.then(() => (stopped ? undefined : step())))

  let timer: Timer | undefined
  const tick = (): void => {
    void queue(taken === undefined ? begin : look).then(() => {
      if (!stopped) timer = clock.after(everyMs, tick)
    })
  }
  const reload = (): Promise<void> => queue(make)
  const onSignal = (): void => void reload()
  // Without a file the signal keeps its usual meaning: the terminal is gone, so end.
  if (source.file !== undefined) process.on('SIGHUP', onSignal)
  if (files.length > 0) tick()
  return {
    reload,
    stop() {
      stopped = true
      timer?.stop()
      process.off('SIGHUP', onSignal)
    },
  }
}

/** What is fixed when the daemon starts, and was changed since. */
function waitingForRestart(started: Config, now: Config): string[] {
  const keys = { listen: 'listen', listenMetrics: 'listenMetrics', dataDir: 'data', historyMs: 'history' } as const
  return (Object.keys(keys) as (keyof typeof keys)[])
    .filter((key) => !isDeepStrictEqual(started[key], now[key]))
    .map((key) => `${keys[key]}: was changed, which is in force after the next start`)
}

/** A bug in here must not end the watching of servers. */
async function attempt(source: ConfigSource, env: NodeJS.ProcessEnv): Promise<Attempt> {
  try {
    return await tryConfig(source, env)
  } catch (cause) {
    const hint = 'This is a bug in Respite; please report it with the configuration, without its secrets.'
    const target = source.file ?? 'the arguments'
    return {
      files: [],
      fault: new Fault({ doing: 'reading the configuration', target, why: reasonOf(cause), hint, cause }),
    }
  }
}

function isSame(a: Attempt, b: Attempt): boolean {
  if (a.config === undefined || b.config === undefined) return a.fault?.toText() === b.fault?.toText()
  const comparable = ({ rules, ...config }: Config): unknown => ({ ...config, rules: rules.digest })
  return isDeepStrictEqual(comparable(a.config), comparable(b.config))
}

/** What tells a changed file: through symbolic links, its identity, size and time. A missing file looks like itself. */
async function looksOf(files: readonly string[]): Promise<string> {
  const looks = files.map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => undefined)
    return found === undefined ? 'missing' : [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ')
  })
  return (await Promise.all(looks)).join('\n')
}
