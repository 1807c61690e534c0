// Fleets that are odd and well: what a diagnosis must not take for a fault. Each is one file in healthy/, built like a
// fault's healthy fleet and never broken.

import { USUAL_VARIANTS, type LabFault, type Variant } from './fault.ts'
import { startStage, type Stage, type StageOptions } from './stage.ts'

export { SAVES } from './stage.ts'

export interface Oddity extends StageOptions {
  readonly says: string // what is odd about it
  readonly variants?: readonly Variant[] // the usual three when absent
  readonly verdict?: 'healthy' | 'warning' // healthy when absent
  readonly dataClass?: 'store' | 'cache'
  readonly login?: { readonly user: string; readonly password: string } // when Respite logs in as somebody else
  readonly unsaved?: boolean // no snapshot is written before it is looked at
  /** What makes it odd; what it returns is ended with the scene. */
  prepare?(stage: Stage, variant: Variant): Promise<(() => Promise<void> | void) | void>
}

export function oddity({ says, variants = USUAL_VARIANTS, verdict = 'healthy', ...oddity }: Oddity): LabFault {
  const { dataClass, login, unsaved, prepare, ...options } = oddity
  return {
    says,
    needs: [],
    variants,

    async build(variant, random) {
      const stage = await startStage(variant, random, options)
      let undo: (() => Promise<void> | void) | void
      const stop = async (): Promise<void> => {
        await undo?.()
        await stage.stop()
      }
      try {
        if (unsaved !== true) await Promise.all(stage.servers.map((server) => server.cli('SAVE')))
        undo = await prepare?.(stage, variant)
      } catch (error) {
        await stop()
        throw error
      }
      const access = login === undefined ? stage.access : { ...stage.access, ...login }
      return { ...stage, access, dataClass, expects: { verdict }, inject: () => Promise.resolve(), stop }
    },
  }
}
