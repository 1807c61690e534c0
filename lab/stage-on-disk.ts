// The usual fleet with the primary's files on a small disk of their own.

import { mountSmallDisk, type SmallDisk } from './disk.ts'
import type { Variant } from './fault.ts'
import type { Random } from './random.ts'
import { startStage, type Stage } from './stage.ts'

const BYTES = 64 << 20

/** `conf` is the primary's, beside `dir`. Needs root. The disk goes when the fleet stops. */
export async function startStageOnDisk(
  variant: Variant,
  random: Random,
  conf: readonly string[] = [],
): Promise<Stage & { readonly disk: SmallDisk }> {
  const disk = mountSmallDisk(BYTES)
  try {
    const stage = await startStage(variant, random, { ofPrimary: { conf: [`dir ${disk.dir}`, ...conf] } })
    const stop = async (): Promise<void> => {
      await stage.stop()
      disk.release()
    }
    return { ...stage, disk, stop }
  } catch (error) {
    disk.release()
    throw error
  }
}
