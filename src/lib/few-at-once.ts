// Work of which only so much is under way at any moment; the rest waits its turn.

/** Runs what it is given, at most `most` at once, in the order in which it came. */
export function fewAtOnce(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let underWay = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (underWay >= most) await new Promise<void>((resolve) => void waiting.push(resolve))
    else underWay += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) underWay -= 1
      else next() // it takes over our place
    }
  }
}
