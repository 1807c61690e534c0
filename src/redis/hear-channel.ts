// Listens on one channel for a moment, on a connection of its own. Used for the hello channel, on which Sentinels
// introduce themselves every two seconds: the only way to learn from a server who guards it.

import { OwnConnection, type ConnectOptions } from './connection.ts'

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
  const { promise: heard, resolve } = Promise.withResolvers<T | undefined>()
  const give = (): void => resolve(undefined)
  const connection = new OwnConnection(options, (text) => {
    const found = enough(text)
    if (found !== undefined) resolve(found)
  })
  const timer = setTimeout(give, options.timeoutMs)
  signal.addEventListener('abort', give, { once: true })
  connection.onClose(give)
  connection
    .logIn()
    .then(() => connection.send('SUBSCRIBE', channel))
    .catch(give)
  const found = await heard
  signal.removeEventListener('abort', give)
  clearTimeout(timer)
  connection.close()
  return found
}
