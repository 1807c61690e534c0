// A server whose memory is limited and whose policy finds nothing to evict, filled until it refuses writes.

import type { Expected, Scene, Variant } from './fault.ts'
import type { Random } from './random.ts'
import { startStage, type Stage } from './stage.ts'
import { until } from './until.ts'

export async function buildFullMemory(
  policy: string,
  variant: Variant,
  random: Random,
): Promise<Scene & Stage & { readonly expects: Expected }> {
  const stage = await startStage(variant, random, { conf: ['maxmemory 40mb', `maxmemory-policy ${policy}`] })
  const { primary } = stage
  return {
    ...stage,
    expects: { server: primary.id },
    async inject() {
      await primary.cli('DEBUG', 'POPULATE', '30000', 'basket', String(random.between(1_200, 1_600)))
      await until('a write is refused', async () => (await primary.cli('SET', 'basket:next', 'x')).includes('OOM'))
    },
    heal: async () => void (await primary.cli('CONFIG', 'SET', 'maxmemory', '200mb')),
  }
}
