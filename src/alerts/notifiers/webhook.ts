// Any HTTP address, with Alertmanager's payload. With a secret the body is signed, so that the receiver knows that it
// comes from us: `X-Respite-Signature: sha256=` and the HMAC in hex.

import { createHmac } from 'node:crypto'
import { missing, type Notifier } from '../notifier.ts'
import { payloadV4 } from '../payload-v4.ts'
import { post } from '../post.ts'

export default {
  tells: 'a program that takes Alertmanager’s webhook',
  people: false,
  acknowledges: false,

  open({ url, signingSecret }) {
    if (url === undefined) throw missing('url or urlFile', 'webhook')
    return (notice, { signal }) => {
      const body = JSON.stringify(payloadV4(notice))
      const headers: Record<string, string> = {}
      if (signingSecret !== undefined)
        headers['x-respite-signature'] = `sha256=${createHmac('sha256', signingSecret).update(body).digest('hex')}`
      return post({ url, body, headers, signal, secrets: signingSecret === undefined ? [] : [signingSecret] })
    }
  },
} satisfies Notifier
