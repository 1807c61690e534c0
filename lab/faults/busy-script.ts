// A script or a function that reads for ever.

import { SCRIPT_VARIANTS, buildEndlessScript, isOfFunction } from '../endless-script.ts'
import type { LabFault } from '../fault.ts'

export default {
  says: 'A script that only reads never ends, and everybody else is told that the server is busy.',
  needs: [],
  variants: SCRIPT_VARIANTS,

  async build(variant, random) {
    const scene = await buildEndlessScript("while true do redis.call('get', keys[1]) end", variant, random)
    const kind = isOfFunction(variant) ? 'FUNCTION' : 'SCRIPT'
    return { ...scene, heal: async () => void (await scene.primary.cli(kind, 'KILL')) }
  },
} satisfies LabFault
