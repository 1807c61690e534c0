// What `respite rdb` found, as the document of the contract.

import type { RdbDocument } from '../api/contract.ts'
import type { Analysis } from '../rdb/analysis.ts'
import type { RdbOutcome } from '../rdb/scanner.ts'

export interface FoundInRdb {
  readonly file: string
  readonly bytes: number // that were read
  readonly analysis: Analysis
  readonly outcome: RdbOutcome
}

export function rdbDocument({ file, bytes, analysis, outcome }: FoundInRdb): RdbDocument {
  const { flavour, serverVersion, keys, expires } = analysis
  const { rdbVersion, checksum, complete, analysedBytes, end, unknown } = outcome
  return {
    file,
    bytes,
    flavour,
    rdbVersion,
    ...(serverVersion === undefined ? {} : { serverVersion }),
    checksum,
    complete,
    analysedBytes,
    trailingBytes: end === undefined ? 0 : bytes - end,
    ...(unknown === undefined ? {} : { unknown }),
    keys,
    expires,
    libraries: analysis.libraries.length,
    aux: Object.fromEntries(analysis.auxFields),
    databases: [...analysis.databases.values()].toSorted((a, b) => a.db - b.db),
    types: [...analysis.kinds].map(([type, count]) => ({ type, ...count })).toSorted((a, b) => b.bytes - a.bytes),
    ttls: analysis.ttls,
    namespaces: analysis.namespaces.list().map(({ name, keys, bytes, withTtl, types }) => {
      return { ...named('name', name), keys, bytes, withTtl, types: { ...types } }
    }),
    biggest: analysis.biggest.map(({ db, key, kind, bytes, elements }) => {
      return { db, ...named('key', key), type: kind, bytes, ...(Number.isNaN(elements) ? {} : { elements }) }
    }),
    notDecoded: [...analysis.notDecoded.values()],
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text where they are, else as base64 under another name. */
function named<Name extends 'name' | 'key'>(name: Name, bytes: Buffer): { [at in Name | `${Name}Base64`]?: string } {
  type Named = { [at in Name | `${Name}Base64`]?: string }
  try {
    return { [name]: strict.decode(bytes) } as Named
  } catch {
    return { [`${name}Base64`]: bytes.toString('base64') } as Named
  }
}
