// Rows under headings, columns aligned by spaces. What a server says of itself may hold anything, so control characters
// are shown as `?` and never reach the terminal.

/** The rows as lines; the last column is not padded. */
export function tableLines(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [headings, ...rows].map((row) => row.map(printable))
  const widths = headings.map((_heading, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** The text without control characters (and so without the escape sequences of terminals). */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}
