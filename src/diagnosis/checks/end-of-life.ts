// A version for which nobody upstream mends security holes any more, or soon will not. A distribution may still mend its
// own package under the same number, so that single holes are not told from the version.

import { formatDuration } from '../../lib/units.ts'
import type { DeploymentCheck, Found } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'

// Until when upstream mends them, as it said in November 2026; 0: no longer. A line that is not here is not judged.
const REDIS: readonly (readonly [line: RegExp, until: number])[] = [
  [/^[2-5]\./, 0],
  [/^6\.0\./, 0],
  [/^6\.2\./, Date.UTC(2027, 3, 30)],
  [/^7\.0\./, 0],
  [/^7\.[24]\./, Date.UTC(2029, 11, 31)],
  [/^8\.0\./, Date.UTC(2026, 11, 1)],
  [/^8\.2\./, Date.UTC(2030, 8, 30)],
]
const DEBIAN_12 = /^7\.0\.15$/
const SOON_MS = 90 * 86_400_000

export default {
  asks: 'Is this version still mended upstream?',

  lookAtAll({ servers, takenAt }) {
    const byVersion = Map.groupBy(servers, ({ version, flavour }) => (flavour === 'valkey' ? undefined : version))
    return [...byVersion].flatMap(([version, those]) => {
      const until = version === undefined ? undefined : REDIS.find(([line]) => line.test(version))?.[1]
      if (version === undefined || until === undefined || until - takenAt > SOON_MS) return []
      return [finding(version, those, until - takenAt)]
    })
  },
} satisfies DeploymentCheck

function finding(version: string, servers: readonly ServerEvidence[], leftMs: number): Found {
  const [first, ...others] = servers.map(({ id }) => id)
  const isOver = leftMs <= 0
  const who = others.length === 0 ? `${first} runs` : `${first} and ${others.length} more run`
  const packaged = DEBIAN_12.test(version)
    ? ' Debian 12 mends its own package of that number: apt list redis-server says whether it is the newest.'
    : ''
  return {
    kind: 'advice',
    severity: isOver && packaged === '' ? 'warning' : 'info',
    server: first ?? '',
    says: `${who} Redis ${version}, which upstream ${isOver ? 'no longer mends' : `mends for another ${formatDuration(leftMs)}`}.${packaged} Upgrade replicas first, then fail over.`,
    evidence: [{ source: 'INFO server', name: 'redis_version', value: version }],
  }
}
