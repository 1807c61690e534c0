// A server with a script, or a function, that never ends: what the faults of that kind have in common.

import type { Expected, Scene, Variant } from './fault.ts'
import { untilMet } from './meets.ts'
import type { Random } from './random.ts'
import { startStage, type Stage } from './stage.ts'

export const SCRIPT_VARIANTS: readonly Variant[] = [
  { name: 'a script', keys: 1_000, set: { kind: 'script' } },
  { name: 'a function, with a password', keys: 20_000, password: true, set: { kind: 'function' } },
  { name: 'a script, with a replica', keys: 5_000, replicas: 1, set: { kind: 'script' } },
]

/** `body` is Lua that never ends; it may name `keys[1]`. */
export async function buildEndlessScript(
  body: string,
  variant: Variant,
  random: Random,
): Promise<Scene & Stage & { readonly expects: Expected }> {
  const stage = await startStage(variant, random, { conf: ['busy-reply-threshold 200'] })
  const { primary } = stage
  const isFunction = isOfFunction(variant)
  const library = `#!lua name=reports\nredis.register_function('report', function(keys) ${body} end)`
  if (isFunction) await primary.cli('FUNCTION', 'LOAD', library)
  return {
    ...stage,
    expects: { server: primary.id },
    async inject() {
      const words = isFunction ? ['FCALL', 'report'] : ['EVAL', `local keys = KEYS ${body}`]
      primary.cli(...words, '1', 'order:1').catch(() => '') // its answer comes when it is ended, if ever
      await untilMet('busy', primary)
    },
    async stop() {
      await primary.kill('SIGKILL')
      await stage.stop()
    },
  }
}

export function isOfFunction({ set }: Variant): boolean {
  return set?.['kind'] === 'function'
}
