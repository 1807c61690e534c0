import { oddity } from '../healthy.ts'

export default oddity({
  says: 'Its keys lie in several databases.',
  async prepare({ primary }) {
    for (const db of ['1', '7', '15']) await primary.cli('-n', db, 'SET', `app:${db}`, 'x')
  },
})
