// Which modules are loaded, and the numbers that they add to INFO. Nothing is asked of a server without modules.

import { parsePairs, parseInfo } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { MODULE_COUNTERS, MODULE_GAUGES } from '../info-table-modules.ts'
import { parseState } from '../number.ts'
import { remember } from '../series-cache.ts'
import { counter, gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const module = gauge('redis_module_info', 'Always 1; a module that is loaded.')
const LABELS = ['api', 'filters', 'name', 'usedby', 'using', 'ver']
const moduleOf = remember((text) => {
  const pairs = parsePairs(text)
  return seriesOf(module, labelText(Object.fromEntries(LABELS.map((label) => [label, pairs[label] ?? '']))))
}, 256)
const fieldOf = remember((field) => {
  const total = MODULE_COUNTERS[field]
  const help = `The field ${field} of a module.`
  return seriesOf(
    total === undefined ? gauge(`redis_${MODULE_GAUGES[field] ?? field}`, help) : counter(`redis_${total}`, help),
  )
}, 1_024)

const OF_MODULES = /^(search|bf|json)_[a-z0-9_]+$/

export default {
  asks: 'The modules that are loaded and their numbers.',
  on: 'server',
  start() {
    return ({ info, ask }, out) => {
      if (info.has('module')) return ask('INFO', 'MODULES').then((reply) => addModules(String(reply), out))
    }
  },
} satisfies Collector

function addModules(text: string, out: Snapshot): void {
  // Every module has a line of the same field, so this part cannot be read as a Map.
  for (const line of text.split('\r\n')) if (line.startsWith('module:')) out.add(moduleOf(line.slice(7)), 1)
  for (const [field, value] of parseInfo(text)) {
    const number = OF_MODULES.test(field) ? parseState(value) : undefined
    if (number !== undefined) out.add(fieldOf(field), number)
  }
}
