// An array that has the memory for all its elements from the beginning. One that grows is copied eight times on its way to
// a thousand elements, and in what every sample does again that was a third of what it left for the collector.

/** An array of this length whose elements are to come; each must be set before it is read. */
export function arrayWithRoom<T>(length: number): T[] {
  // oxlint-disable-next-line unicorn/no-new-array -- an array without elements is meant; to set a length costs three times as much
  return new Array<T>(length)
}
