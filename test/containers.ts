// Real containers for a test: Podman with runc, in folders of its own, answering Docker's API on a socket there. The image is
// this machine's own redis-server with its libraries, so that nothing is fetched. All of it ends with the test file.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFolder, spawnChild, type Child } from '../lab/children.ts'
import { serverBinary } from '../lab/servers.ts'
import { until } from '../lab/until.ts'

const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'] // within what a test machine may give
const INSIDE = '/usr/bin/redis-server'

export interface Containers {
  readonly env: NodeJS.ProcessEnv // with DOCKER_HOST
  /** Runs a server under a name; `options` are of `podman run`, `words` of the server. */
  run(name: string, options: readonly string[], words: readonly string[]): void
  podman(...words: string[]): string
  stop(): Promise<void>
}

/** Why there can be none here; undefined: there can. */
export function noContainers(): string | undefined {
  for (const command of ['podman', 'runc'])
    if (spawnSync(command, ['--version']).error !== undefined) return `${command} is not installed: scripts/setup test`
  if (process.getuid?.() !== 0) return 'containers of a folder of their own need root'
  return undefined
}

/** Throws where this machine lets no container run. */
export async function startContainers(): Promise<Containers> {
  const dir = makeFolder('containers')
  const folders = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--tmpdir', join(dir, 'tmp')]
  const words = [...folders, '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs']
  const podman = (...more: string[]): string =>
    execFileSync('podman', [...words, ...more], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  podman('import', '--quiet', packImage(dir), 'respite-test')
  const socket = join(dir, 'engine.sock')
  const service = await spawnChild('podman', [...words, 'system', 'service', '--time', '0', `unix://${socket}`], {
    name: 'podman',
    dir: join(dir, 'service'),
  })
  await until('the container engine listens', () => existsSync(socket))
  return {
    env: { ...process.env, DOCKER_HOST: `unix://${socket}` },
    podman,
    run(name, options, server) {
      podman(
        'run',
        '--detach',
        '--name',
        name,
        '--network',
        'host',
        ...LIMITS,
        ...options,
        'respite-test',
        INSIDE,
        ...server,
      )
    },
    async stop() {
      podman('rm', '--all', '--force', '--time', '0')
      await endOf(service)
    },
  }
}

async function endOf(service: Child): Promise<void> {
  service.kill('SIGTERM')
  await service.exited
}

/** The server, what it is linked to, and the folders that it needs, as a tar file. */
function packImage(dir: string): string {
  const root = join(dir, 'image')
  for (const folder of ['usr/bin', 'data', 'tmp', 'etc']) mkdirSync(join(root, folder), { recursive: true })
  const found = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', serverBinary()], { encoding: 'utf8' }).trim()
  const binary = realpathSync(found)
  const linked = execFileSync('ldd', [binary], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
  for (const library of linked) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    cpSync(realpathSync(library), join(root, library))
  }
  cpSync(binary, join(root, INSIDE))
  const file = join(dir, 'image.tar')
  execFileSync('tar', ['-C', root, '-cf', file, '.'])
  return file
}
