// The data grows until it reaches the limit, and the policy is to refuse.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { buildFullMemory } from '../full-memory.ts'

export default {
  says: 'The memory limit is reached and the policy is noeviction: writes are refused.',
  needs: [],
  variants: USUAL_VARIANTS,

  build: (variant, random) => buildFullMemory('noeviction', variant, random),
} satisfies LabFault
