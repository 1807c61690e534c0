// A program of ours in a process of its own, so that what it costs can be told from what measuring costs. The programs in
// bench/processes/ say one JSON line on standard output when they are ready, and end with our end of their input.

import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface OwnProcess<Line> {
  readonly pid: number
  /** The next line that it says. Throws when it ends instead. */
  read(): Promise<Line>
  /** One line to its standard input. */
  write(line: string): void
  stop(): Promise<void>
}

/** What `./respite` hands to Node when it starts a daemon: the benches measure what people run. */
export interface Shipped {
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export function shipped(): Shipped {
  const script = readFileSync(fileURLToPath(new URL('../../respite', import.meta.url)), 'utf8')
  const [, flags = ''] = [...script.matchAll(/flags='(.*)'/g)].at(-1) ?? []
  const set = [...script.matchAll(/ (MALLOC_[A-Z_]+)="\$\{\1:-(\d+)\}"/g)]
  return {
    flags: flags.split(' '),
    env: Object.fromEntries(set.map(([, name = '', value = '']) => [name, value])),
  }
}

/** Runs a TypeScript file, named from the repository's root, with this Node. */
export function startOwnProcess<Line>(
  file: string,
  args: readonly string[],
  { flags, env }: Shipped = { flags: [], env: {} },
): OwnProcess<Line> {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url))
  const child = spawn(process.execPath, [...flags, path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return wrap(child, file)
}

/** Runs any other program; its output is thrown away. */
export function startProgram(command: string, args: readonly string[]): OwnProcess<never> {
  return wrap(spawn(command, args, { stdio: ['pipe', 'ignore', 'ignore'] }), command)
}

function wrap<Line>(child: ChildProcess, name: string): OwnProcess<Line> {
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`${name} ended: ${signal ?? `exit ${code}`}`))
    child.once('error', (error) => resolve(`${name} did not start: ${error.message}`))
  })
  const endWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', endWithUs)
  const lines = child.stdout && createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? -1,
    async read() {
      const next = await Promise.race([lines?.next(), ended])
      if (typeof next === 'string' || next === undefined || next.done === true) throw new Error(await ended)
      return JSON.parse(next.value) as Line
    },
    write: (line) => void child.stdin?.write(`${line}\n`),
    async stop() {
      process.off('exit', endWithUs)
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(timer)
    },
  }
}
