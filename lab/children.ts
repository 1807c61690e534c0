// The processes and the folder of one lab. All of them end with the process that started them, even when it is killed
// with -9: a small shell holds the reading end of a pipe that only we hold open; when the pipe closes, it kills what is
// left and removes the folder. Nothing here is ever a daemon.

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Child {
  readonly name: string
  readonly pid: number
  readonly running: boolean
  readonly exited: Promise<string> // "exit 0", "signal SIGKILL"
  kill(signal: NodeJS.Signals): void
}

const alive = new Map<number, Child>()
let root: string | undefined

// `$1` is the folder; a file `<pid>.pid` in it stands for each process that is to end with us.
const WATCHDOG = `trap '' INT TERM HUP
read -r _never
for file in "$1"/*.pid; do
  [ -e "$file" ] || continue
  pid=\${file##*/}
  kill -9 "\${pid%.pid}" 2>/dev/null
done
rm -rf "$1"`

/** The folder of this process' lab; made at the first call, gone when the process ends. */
function labFolder(): string {
  if (root !== undefined) return root
  const folder = mkdtempSync(join(tmpdir(), 'servers-'))
  // A session of its own, so that Ctrl-C on the terminal ends the lab in our order and not all at once.
  const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  process.once('exit', () => {
    for (const child of alive.values()) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  root = folder
  return folder
}

/** A new empty folder in the lab's folder. */
export function makeFolder(name: string): string {
  return mkdtempSync(join(labFolder(), `${name}-`))
}

export interface SpawnOptions {
  readonly name: string
  readonly dir: string // working folder; standard output and error go to `output.log` in it
  readonly env?: Record<string, string> | undefined
  readonly uid?: number | undefined // of another user; needs root
}

/** Starts a process that ends with us. It does not keep us alive by itself. */
export async function spawnChild(command: string, args: readonly string[], options: SpawnOptions): Promise<Child> {
  const folder = labFolder()
  mkdirSync(options.dir, { recursive: true })
  const output = openSync(join(options.dir, 'output.log'), 'a')
  const child = spawn(command, args, {
    cwd: options.dir,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', output, output],
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  closeSync(output)
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  return track(child, options.name, folder)
}

function track(process: ChildProcess, name: string, folder: string): Child {
  const pid = process.pid
  if (pid === undefined) throw new Error(`${name} did not start`)
  const pidFile = join(folder, `${pid}.pid`)
  writeFileSync(pidFile, name)
  let running = true
  const exited = new Promise<string>((resolve) => {
    process.once('exit', (code, signal) => {
      running = false
      alive.delete(pid)
      rmSync(pidFile, { force: true })
      resolve(signal === null ? `exit ${code}` : `signal ${signal}`)
    })
  })
  process.unref()
  const child: Child = {
    name,
    pid,
    get exited() {
      process.ref() // who waits for the end is kept alive until it comes
      return exited
    },
    get running() {
      return running
    },
    kill: (signal) => void process.kill(signal),
  }
  alive.set(pid, child)
  return child
}

/** What runs now. */
export function livingChildren(): Child[] {
  return [...alive.values()]
}

/** Kills what runs, stopped processes too, and waits until it is gone. */
export async function killAll(): Promise<void> {
  const children = livingChildren()
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map((child) => child.exited))
}
