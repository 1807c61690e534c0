// The word that somebody probably meant, for messages about one that is not known.

/** The word that was probably meant: at most a third of its letters differ, and no more than `most`. */
export function nearest(word: string, known: readonly string[], most = Infinity): string | undefined {
  const ranked = known
    .map((each) => ({ each, distance: distanceOf(word.toLowerCase(), each.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.min(most, Math.max(1, Math.floor(best.each.length / 3)))
    ? best.each
    : undefined
}

/** How many letters to add, drop, change or swap with their neighbour (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_none, at) => at)]
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i])
    for (let j = 1; j <= b.length; j += 1) {
      const change = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, change, swapped ? cell(i - 2, j - 2) + 1 : change)
      rows[i]?.push(best)
    }
  }
  return cell(a.length, b.length)
}
