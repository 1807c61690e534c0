// The ways in which a server gives its dataset, and what each of them knows of it. `psync` is a replica's: one moment, at
// an offset that a stream goes on from. `bgsave` is a file that the server wrote itself, `aof` those that it keeps anyway. `scan` reads key after key, with
// what every service permits: each key is whole, but they are not of one moment.

import type { BaseStart, BaseWriter } from '../replication/sink.ts'
import { Fault } from '../lib/fault.ts'
import type { BaseMethod } from './documents.ts'

/** What a person may ask for. */
export type MethodChoice = 'auto' | 'psync' | 'bgsave' | 'aof' | 'scan'
export const METHOD_CHOICES: readonly MethodChoice[] = ['auto', 'psync', 'bgsave', 'aof', 'scan']

/** Where a path of the server's machine is read from here. */
export interface Reached {
  readonly here: string | undefined
  readonly why?: string | undefined // it is not
}

/** What is known when the first bytes are there. */
export interface BaseHead extends Pick<BaseStart, 'source' | 'flavour' | 'serverVersion' | 'sizeBytes' | 'db'> {
  readonly method: BaseMethod
  readonly consistent: boolean // false: the keys are not of one moment
  readonly replid: string | null // with `offset`, where a stream goes on; null where the method knows none
  readonly offset: number | null
  readonly near: { readonly replid: string; readonly offset: number } // where the server was when it began: says which timeline it belongs to
}

export interface WholeBaseWriter extends BaseWriter {
  /** Behind the RDB: whole commands, which are replayed on it. Resolves when they are in the store. */
  increment(commands: AsyncIterable<Buffer>): Promise<void>
}

/** Takes a base: `onBase` is called once, and its writer is aborted when this throws. */
export type FetchBase = (onBase: (head: BaseHead) => WholeBaseWriter) => Promise<void>

/** This server does not give its dataset in this way; another one may go. */
export class MethodRefused extends Fault {}
