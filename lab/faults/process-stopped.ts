import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'

// SIGSTOP, as a debugger or a frozen container stops it.
export default {
  says: 'Somebody stops the process; it accepts connections and answers nothing.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      inject: () => primary.kill('SIGSTOP'),
      heal: () => primary.kill('SIGCONT'),
    }
  },
} satisfies LabFault
