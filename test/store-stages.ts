// The stores that the tests run against, one for each file of src/archive/storage/: a folder, and the real servers that
// can be had on this machine. RESPITE_TEST_S3, RESPITE_TEST_AZBLOB or RESPITE_TEST_FILE name an outside one instead, by its
// URL; its credentials come from the environment. What is written there lies below a prefix of its own and is removed.

import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { makeFolder, spawnChild, type Child } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { until } from '../lab/until.ts'
import { openStorage, type StorageOptions, type Store } from '../src/archive/store/storage.ts'
import { systemClock } from '../src/lib/clock.ts'

export const STORES = join(import.meta.dirname, '..', 'src', 'archive', 'storage')

/** Where tests may write: a URL, and what opens it. */
export interface Stage {
  readonly url: string
  readonly options: Partial<StorageOptions>
  readonly isOutside?: boolean // what is written must be removed
  signal?(signal: NodeJS.Signals): void // to its process, where it has one
  restart?(): Promise<void> // kill -9 unless it is dead already; the same folder and port again
  stop(): Promise<void>
}

/** Started once for a file of tests. A text says why it cannot be. */
export type StartStage = () => Promise<Stage | string>

const TOOLS = join(import.meta.dirname, '..', '.tools')
export const BUCKET = 'respite-test'
export const SECRET = 'geheimgeheim'
export const AZURE_KEY = Buffer.from(SECRET).toString('base64')

const LOCAL: Record<string, StartStage> = {
  s3: startVersitygw,
  azblob: startAzurite,
  file: async () => ({
    url: pathToFileURL(makeFolder('store')).href,
    options: {},
    stop: async () => undefined,
  }),
}

/** versitygw keeps objects as files of a folder, and a bucket is a folder in that. */
async function startVersitygw(): Promise<Stage | string> {
  const binary = join(TOOLS, 'versitygw')
  if (!existsSync(binary)) return 'there is no versitygw: `scripts/setup test` installs it where Go is'
  const dir = makeFolder('versitygw')
  const [data, versions] = [join(dir, 'data'), join(dir, 'versions')]
  mkdirSync(join(data, BUCKET), { recursive: true })
  mkdirSync(versions)
  const port = await freePort()
  const args = ['--port', `127.0.0.1:${port}`, '--access', 'respite', '--secret', SECRET, '--quiet', '--keep-alive']
  const env = { GOMAXPROCS: '1' }
  const start = async (): Promise<Child> => {
    const started = await spawnChild(binary, [...args, 'posix', '--versioning-dir', versions, data], {
      name: 'versitygw',
      dir,
      env,
    })
    await until('versitygw answers', async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0)
    return started
  }
  let child = await start()
  const credentialsFile = join(dir, 'credentials')
  writeFileSync(credentialsFile, `[default]\naws_access_key_id = respite\naws_secret_access_key = ${SECRET}\n`)
  return {
    url: `s3://${BUCKET}?endpoint=http://127.0.0.1:${port}`,
    options: { credentialsFile },
    signal: (signal) => child.kill(signal),
    restart: async () => {
      await stopChild(child)
      child = await start()
    },
    stop: () => stopChild(child),
  }
}

/** Microsoft's own emulator, with the account that it comes with, in memory. */
async function startAzurite(): Promise<Stage | string> {
  const program = fileURLToPath(import.meta.resolve('azurite/dist/src/blob/main.js'))
  const dir = makeFolder('azurite')
  const port = await freePort()
  const memory = ['--inMemoryPersistence', '--extentMemoryLimit', '512']
  const args = ['--blobPort', `${port}`, '--silent', '--skipApiVersionCheck', '--disableTelemetry', ...memory]
  const env = { AZURITE_ACCOUNTS: `respite:${AZURE_KEY}` }
  const child = await spawnChild(process.execPath, [program, ...args], { name: 'azurite', dir, env })
  const address = `http://127.0.0.1:${port}/respite`
  await until('Azurite answers', async () => (await fetch(address)).status > 0, { timeoutMs: 60_000 })
  const connection = `AccountName=respite;AccountKey=${AZURE_KEY};BlobEndpoint=${address}`
  await new BlobServiceClient(address, new StorageSharedKeyCredential('respite', AZURE_KEY)).createContainer(BUCKET)
  const credentialsFile = join(dir, 'connection-string')
  writeFileSync(credentialsFile, `${connection}\n`)
  return {
    url: `azblob://respite/${BUCKET}?endpoint=${address}`,
    options: { credentialsFile },
    signal: (signal) => child.kill(signal),
    stop: () => stopChild(child),
  }
}

async function stopChild(child: Child): Promise<void> {
  if (!child.running) return
  child.kill('SIGKILL')
  await child.exited
}

/** The ids of all units, which is what the variables of the environment are called after. */
export function stages(): { readonly id: string; readonly start: StartStage }[] {
  const ids = readdirSync(STORES).map((name) => name.replace('.ts', ''))
  return ids.toSorted().map((id) => {
    const url = process.env[`RESPITE_TEST_${id.toUpperCase()}`]
    const outside: StartStage = async () => ({
      url: url ?? '',
      options: {},
      isOutside: true,
      stop: async () => undefined,
    })
    const none: StartStage = async () => `test/store-stages.ts does not know how to start ${id}:`
    return { id, start: url === undefined ? (LOCAL[id] ?? none) : outside }
  })
}

/** A store below a prefix of its own, which is empty; closed when the test ends. */
export async function openOn(t: TestContext, stage: Stage, more: Partial<StorageOptions> = {}): Promise<Store> {
  const [place = '', query] = stage.url.split('?')
  const url = `${place}/${randomUUID()}${query === undefined ? '' : `?${query}`}`
  const open = (): Promise<Store> => openStorage(url, { clock: systemClock, ...stage.options, ...more })
  const store = await open()
  t.after(async () => {
    store.close()
    if (stage.isOutside !== true) return
    const cleaner = await open()
    for await (const { key } of cleaner.list('')) await cleaner.remove(key)
    cleaner.close()
  })
  return store
}
