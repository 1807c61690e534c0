// Listens on one channel for a moment, on a connection of its own. Used for the hello channel, on which Sentinels
// introduce themselves every two seconds: the only way to learn from a server who guards it.

import { clientOptions, makeClient, type ConnectOptions } from './connection.ts'

/**
 * Resolves with the first message for which `enough` says yes, or undefined when the time ran out or was cut short, the
 * channel is not permitted, or the connection failed: a guard that was not heard is simply not known yet.
 */
export async function hearChannel<T>(
  options: ConnectOptions,
  channel: string,
  enough: (message: string) => T | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  const client = makeClient(clientOptions(options))
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T | undefined>((resolve) => {
      const give = (): void => resolve(undefined)
      timer = setTimeout(give, options.timeoutMs)
      signal.addEventListener('abort', give, { once: true })
      client.on('error', give)
      const hear = async (): Promise<void> => {
        await client.connect()
        await client.subscribe(channel, (message) => {
          const found = enough(message)
          if (found !== undefined) resolve(found)
        })
      }
      hear().catch(give)
    })
  } finally {
    clearTimeout(timer)
    if (client.isOpen) client.destroy()
  }
}
