// What a base is told to know of its own contents while the bytes go by.

import type { Fault } from '../lib/fault.ts'
import type { NamespaceCount } from './documents.ts'

export interface BaseContents {
  readonly rdbVersion: number
  readonly checksum: 'ok' | 'absent' | 'bad'
  readonly complete: boolean // false: a type came that is not known here; the bytes are good all the same
  readonly problem: Fault | undefined // the RDB is malformed or cut
  readonly keys: number
  readonly expires: number
  readonly namespaces: readonly NamespaceCount[]
  readonly notDecoded: readonly { readonly type: number; readonly name: string; readonly keys: number }[]
  readonly libraries: readonly string[] // code of functions
  readonly details: object // what names keys: stored sealed only
}

export interface BaseScan {
  push(chunk: Buffer): void
  finish(): BaseContents
}
