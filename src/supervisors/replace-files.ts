// Other files for the data directory of a server that does not run, all of them or none: what was there is moved aside and
// kept, so that it can be undone, and a replacement that broke off in the middle is rolled back by the next.
//
// Everything happens in a folder `.respite-replace-ID` of the data directory itself, so that each step is a rename on one file
// system: `new/` is copied first, which may take long and may fail; then a plan is written down; then what is there goes to
// `old/` and what is new takes its place, a file over a file in one step. `plan.json` there says that the renames may be half
// done, `done.json` that they are whole.

import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'
import { formatBytes } from '../lib/units.ts'
import type { KnownPlaces, Looking } from './supervisor.ts'
import { hasEnded } from './wait-for-state.ts'

export interface Replacement {
  readonly put: readonly { readonly name: string; readonly from: string }[] // `dump.rdb` or `appendonlydir`, and a file or folder to copy
  readonly remove?: readonly string[] // what must not stay beside it: an AOF would be loaded before an RDB
}

export interface Replaced {
  readonly keptIn: string // the folder with what was there before
  undo(): Promise<void> // as it was before; the server must not run
  discard(): Promise<void> // what was there before is not needed any more
}

const PREFIX = '.respite-replace-'
const PLAN = 'plan.json'
const DONE = 'done.json'

/** A file of `plan.json`: the names that change, and whether there was something under each before. */
interface Plan {
  readonly names: readonly { readonly name: string; readonly was: boolean }[]
}

/**
 * New files get the owner and the mode of what they replace; others the owner of the data directory and its mode without the
 * right to enter. A Fault where the server runs, its directory cannot be reached from here or has no room; nothing has
 * changed then.
 */
export async function replaceFiles(looking: Looking, replacement: Replacement, known?: KnownPlaces): Promise<Replaced> {
  const { shown } = looking
  for (const name of [...replacement.put.map(({ name }) => name), ...(replacement.remove ?? [])]) refuseStrange(name)
  await demandEnded(looking)
  const dir = await dataDirOf(looking, known)
  const work = join(dir, `${PREFIX}${randomUUID()}`)
  try {
    await rollBackUnfinished(dir)
    await demandRoom(dir, replacement)
    await mkdir(join(work, 'new'), { recursive: true, mode: 0o700 })
    await mkdir(join(work, 'old'), { mode: 0o700 })
    for (const { name, from } of replacement.put)
      await copyLike(from, join(work, 'new', name), join(dir, name), await stat(dir))
    await swap(dir, work, replacement)
  } catch (error) {
    await rollBack(dir, work)
    throw error instanceof Fault ? error : failed(shown, `${reasonOf(error)}; it is as it was before`)
  }
  return {
    keptIn: join(work, 'old'),
    async undo() {
      await demandEnded(looking)
      await rename(join(work, DONE), join(work, PLAN))
      await rollBack(dir, work)
    },
    discard: () => rm(work, { recursive: true, force: true }),
  }
}

function refuseStrange(name: string): void {
  if (name === basename(name) && name !== '' && !name.startsWith('.')) return
  throw new Error(`"${name}" is not the name of a file in a data directory`)
}

async function demandEnded(looking: Looking): Promise<void> {
  const state = await looking.state()
  if (hasEnded(state)) return
  throw new Fault({
    doing: 'replacing files of',
    target: looking.shown,
    why: `it is ${state.is} (${state.says}), and would overwrite them when it ends`,
    hint: 'Stop it first.',
    exit: 1,
  })
}

async function dataDirOf(looking: Looking, known: KnownPlaces | undefined): Promise<string> {
  // A process that has ended has no places; where the server worked, it said before.
  const found = await looking.places(known).catch(() => undefined)
  const here = found?.dataDir?.here ?? (looking.shown.startsWith('process:') ? known?.dataDir : undefined)
  if (here !== undefined && (await stat(here).catch(() => undefined))?.isDirectory() === true) return here
  const why = found?.dataDir?.why ?? 'nobody knows where its data directory is'
  throw new Fault({
    doing: 'replacing files of',
    target: looking.shown,
    why: `its data directory ${found?.dataDir?.inside ?? ''} cannot be reached from here: ${why}`,
    hint: 'Its data must lie on a volume or in a folder of this machine.',
    exit: 1,
  })
}

async function demandRoom(dir: string, { put }: Replacement): Promise<void> {
  const sizes = await Promise.all(put.map(({ from }) => sizeOf(from)))
  const needed = sizes.reduce((sum, size) => sum + size, 0)
  const { bavail, bsize } = await statfs(dir)
  if (bavail * bsize > needed) return
  throw new Fault({
    doing: 'replacing files in',
    target: dir,
    why: `they need ${formatBytes(needed)}, and ${formatBytes(bavail * bsize)} are free: what is there is kept until the end`,
    hint: 'Make room, or take another disk.',
    exit: 1,
  })
}

async function sizeOf(path: string): Promise<number> {
  const entry = await stat(path)
  if (!entry.isDirectory()) return entry.size
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Copies a file or a folder, durably, with the owner and modes of what stands at `like`, or else those that `dir` implies. */
async function copyLike(from: string, to: string, like: string, dir: Stats): Promise<void> {
  const [entry, model] = [await stat(from), await lstat(like).catch(() => undefined)]
  if (entry.isDirectory()) {
    await mkdir(to)
    for (const name of await readdir(from)) await copyLike(join(from, name), join(to, name), join(like, name), dir)
  } else await copyFile(from, to, constants.COPYFILE_FICLONE)
  const kind =
    model !== undefined && model.isDirectory() === entry.isDirectory() && !model.isSymbolicLink() ? model : undefined
  const { uid, gid } = kind ?? dir
  if (uid !== process.getuid?.() || gid !== process.getgid?.()) await chown(to, uid, gid)
  await chmod(to, (kind?.mode ?? (entry.isDirectory() ? dir.mode : dir.mode & 0o666)) & 0o7777)
  await sync(to)
}

async function swap(dir: string, work: string, { put, remove = [] }: Replacement): Promise<void> {
  const names = [...new Set([...put.map(({ name }) => name), ...remove])]
  const plan: Plan = {
    names: await Promise.all(names.map(async (name) => ({ name, was: (await kindAt(join(dir, name))) !== 'nothing' }))),
  }
  await writeFile(join(work, PLAN), JSON.stringify(plan), { flag: 'wx', mode: 0o600 })
  await sync(join(work, PLAN))
  await sync(work)
  for (const name of names) {
    const [old, next] = [join(dir, name), join(work, 'new', name)]
    const [is, willBe] = await Promise.all([kindAt(old), kindAt(next)])
    if (is === 'file' && willBe === 'file')
      await link(old, join(work, 'old', name)) // and is replaced in one step
    else if (is !== 'nothing') await rename(old, join(work, 'old', name))
    if (willBe !== 'nothing') await rename(next, old)
  }
  await sync(dir)
  await rename(join(work, PLAN), join(work, DONE))
  await sync(work)
}

async function kindAt(path: string): Promise<'file' | 'other' | 'nothing'> {
  const entry = await lstat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  return entry === undefined ? 'nothing' : entry.isFile() ? 'file' : 'other'
}

async function rollBackUnfinished(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const work = join(dir, name)
    if (name.startsWith(PREFIX) && (await kindAt(join(work, DONE))) === 'nothing') await rollBack(dir, work)
  }
}

/** Puts back what was there, as far as it was taken away, and removes the folder. */
async function rollBack(dir: string, work: string): Promise<void> {
  const text = await readFile(join(work, PLAN), 'utf8').catch(() => undefined)
  for (const { name, was } of text === undefined ? [] : (JSON.parse(text) as Plan).names) {
    const kept = join(work, 'old', name)
    const [before, now] = await Promise.all([kindAt(kept), kindAt(join(dir, name))])
    // A file goes over a file in one step; in place of anything else, that has to go first.
    const clears = before === 'nothing' ? !was : before !== 'file' || now !== 'file'
    if (clears) await rm(join(dir, name), { recursive: true, force: true })
    if (before !== 'nothing') await rename(kept, join(dir, name))
  }
  await sync(dir)
  await rm(work, { recursive: true, force: true })
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function failed(target: string, why: string): Fault {
  return new Fault({
    doing: 'replacing files of',
    target,
    why,
    hint: 'See who may write in its data directory, and its disk.',
  })
}
