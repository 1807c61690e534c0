// Fetches a page over a connection that is kept, as Prometheus does: a scrape costs no new connection. Asked for plain
// text, because compressing is a choice of either side that would be measured with it.

import { Agent, get } from 'node:http'

const agent = new Agent({ keepAlive: true })

export function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: 10_000 }, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (chunk: string) => (text += chunk))
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`${url} answered ${response.statusCode}`))
      })
    })
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer within 10 s`)))
    request.once('error', reject)
  })
}

/** How many series a page in Prometheus' text format holds. */
export function countSeries(text: string): number {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
}
