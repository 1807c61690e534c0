// An amount of memory as a configuration file writes it. Source: memtoull of Redis src/util.c.

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1_024,
  m: 1e6,
  mb: 2 ** 20,
  g: 1e9,
  gb: 2 ** 30,
}

/** `20mb` in bytes; undefined for what is no amount. */
export function parseBytes(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d+)([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = UNITS[unit.toLowerCase()]
  return digits === '' || factor === undefined ? undefined : Number(digits) * factor
}
