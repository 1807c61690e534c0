// What is saved lies where it does not outlive the container or the machine: in memory (tmpfs), or in the writable layer
// of a container, which goes with it. The server cannot know, and says that all is well.

import type { ServerCheck } from '../check.ts'
import { settingFact } from '../readings/reading.ts'
import { persists } from '../readings/snapshots.ts'

const GOES_WITH: Readonly<Record<string, string>> = {
  tmpfs: 'in memory (tmpfs), and goes with the machine or the container',
  ramfs: 'in memory (ramfs), and goes with the machine',
  overlay: "in the container's own layer (overlay), and goes with the container",
  aufs: "in the container's own layer (aufs), and goes with the container",
}

export default {
  asks: 'Does what is saved lie where it is lost with the container or the machine?',

  look(server, { deployment }) {
    const { disk } = server
    if (disk === undefined || persists(server) !== true) return undefined
    const goesWith = GOES_WITH[disk.mountType]
    if (goesWith === undefined) return undefined
    const isCache = deployment.dataClass === 'cache'
    return {
      kind: isCache ? 'advice' : 'risk',
      severity: isCache ? 'info' : 'warning',
      says: `What the server saves lies ${goesWith}: ${disk.path} is no place for the only copy.`,
      evidence: [
        settingFact(server, 'dir'),
        { source: 'mounts', name: disk.mountPoint, value: disk.mountType },
        settingFact(server, 'save'),
      ],
      actions: [{ id: 'back-up-now', why: 'then give it a volume, or a disk of its own' }],
    }
  },
} satisfies ServerCheck
