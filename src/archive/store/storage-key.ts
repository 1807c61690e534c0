// What a key may be, so that it means the same in every store and no key leads out of one.

import { Fault } from '../../lib/fault.ts'

const SEGMENT = /^[A-Za-z0-9_=+@,:~%-](?:[A-Za-z0-9._=+@,:~%-]{0,198}[A-Za-z0-9_=+@,:~%-])?$/
const LAST_OF_PREFIX = /^(?:[A-Za-z0-9_=+@,:~%-][A-Za-z0-9._=+@,:~%-]{0,199})?$/
const LONGEST_KEY = 700 // S3 and Azure take 1,024 with the prefix of the URL

/** Names under it are the store's own: probes, and what is half written. */
export const OWN = '.respite/'

/** By the rules of storage.ts. */
export function isKey(key: string): boolean {
  return key.length <= LONGEST_KEY && key.split('/').every((segment) => SEGMENT.test(segment))
}

function wrong(what: string, text: string): Fault {
  const why = `it is not a ${what}`
  const hint = 'Segments of letters, digits and ._=+@,:~%- with / between them, no dot at either end.'
  return new Fault({ doing: 'naming the object', target: JSON.stringify(text), why, hint, retryable: false })
}

export function checkKey(key: string): void {
  if (!isKey(key)) throw wrong('key', key)
}

/** The beginning of a key, which may end anywhere in it. */
export function checkPrefix(prefix: string): void {
  const segments = prefix.split('/')
  const last = segments.pop() ?? ''
  if (prefix.length > LONGEST_KEY || !LAST_OF_PREFIX.test(last) || !segments.every((each) => SEGMENT.test(each)))
    throw wrong('prefix of a key', prefix)
}
