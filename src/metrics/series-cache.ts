// Remembers what was made for a raw key of a reply (`cmdstat_get`, a client's id), so that an unchanged label is never
// put together again: the common path of a sample is one Map lookup for each value.

import { ownText } from '../lib/own-text.ts'

/** A function of the key that runs `make` once for each key. Past `most` keys it forgets all and starts anew. */
export function remember<T>(make: (key: string) => T, most = 4_096): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    let value = made.get(key)
    if (value === undefined) {
      if (made.size >= most) made.clear()
      const own = ownText(key)
      value = make(own)
      made.set(own, value)
    }
    return value
  }
}
