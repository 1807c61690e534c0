// A script that writes once and never ends.

import { SCRIPT_VARIANTS, buildEndlessScript } from '../endless-script.ts'
import type { LabFault } from '../fault.ts'

export default {
  says: 'A script that has written never ends, and the server refuses to end it.',
  needs: [],
  variants: SCRIPT_VARIANTS,

  build: (variant, random) =>
    buildEndlessScript("redis.call('set', keys[1], 'booked') while true do end", variant, random),
} satisfies LabFault
