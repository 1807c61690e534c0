// Durations and sizes as people write and read them: `5s`, `1h30m`, `64 MiB`.

const DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const PARTS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1]

/** Milliseconds of a Prometheus duration (`1h30m`, `5s`, `250ms`), or undefined when the text is none. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text.trim())
  if (match === null || text.trim() === '') return undefined
  return PARTS_MS.reduce((sum, ms, at) => sum + ms * Number(match[at + 1] ?? 0), 0)
}

/** The two largest parts of a duration: `2 d 3 h`, `4 min 10 s`, `350 ms`; 0 for one that a clock set back made negative. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1_000) return `${whole} ms`
  const seconds = Math.floor(whole / 1_000)
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Bytes with a binary unit: `512 B`, `1.5 MiB`, `12 GiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–'
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${SIZES[unit]}`
}

/** All digits, in groups: `12,345`. Intl does the same, and takes twenty milliseconds to begin. */
export function formatWhole(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** A count with a decimal unit: `950`, `1.2 K`, `3.4 M`. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '–'
  if (Math.abs(count) >= 1e6) return `${Number((count / 1e6).toFixed(1))} M`
  if (Math.abs(count) >= 1e4) return `${Number((count / 1e3).toFixed(1))} K`
  return `${Math.round(count)}`
}
