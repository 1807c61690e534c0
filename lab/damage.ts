// Damage to the files of a server of the lab that has ended, and a start that then fails.

import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from './servers.ts'
import { until } from './until.ts'

/** Its incremental file, or the base of its append-only file. */
export function appendOnlyFile(server: Server, kind: 'incr.aof' | 'base.rdb' | 'manifest'): string {
  const folder = join(server.dir, 'appendonlydir')
  const name = readdirSync(folder).findLast((each) => each.endsWith(kind))
  if (name === undefined) throw new Error(`${folder} has no ${kind}`)
  return join(folder, name)
}

/** Takes so many bytes off its end. */
export function cutEnd(file: string, bytes: number): void {
  truncateSync(file, statSync(file).size - bytes)
}

/** Changes what stands there; from its end when `at` is negative. */
export function overwrite(file: string, at: number, bytes: Buffer): void {
  const all = readFileSync(file)
  bytes.copy(all, at < 0 ? all.length + at : at)
  writeFileSync(file, all)
}

/** Every bit of one byte the other way round. */
export function flipByte(file: string, at: number): void {
  const all = readFileSync(file)
  const where = at < 0 ? all.length + at : at
  overwrite(file, where, Buffer.from([(all[where] ?? 0) ^ 0xff]))
}

/** Starts it, and waits until it has ended again. */
export async function failsToStart(server: Server): Promise<void> {
  await server.restart().catch(() => undefined)
  await until(`${server.id} ends at its start`, () => !server.running)
}
