// Remembers what was made for a raw key of a reply (`cmdstat_get`, a client's id), so that an unchanged label is never
// put together again: the common path of a sample is one Map lookup for each value.

/** A function of the key that runs `make` once for each key. Past `most` keys it forgets all and starts anew. */
export function remember<T>(make: (key: string) => T, most = 4_096): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    let value = made.get(key)
    if (value === undefined) {
      if (made.size >= most) made.clear()
      const own = copyOf(key)
      value = make(own)
      made.set(own, value)
    }
    return value
  }
}

/** The same text in memory of its own. A piece of a long string keeps all of it alive (V8's sliced strings), and what is
 *  remembered outlives its INFO by days. */
export function copyOf<T extends string | undefined>(text: T): T {
  return (text === undefined ? text : Buffer.from(text, 'utf8').toString('utf8')) as T
}
