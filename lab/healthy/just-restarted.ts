import { oddity } from '../healthy.ts'

export default oddity({
  says: 'It was started again a moment ago, and has its data.',
  async prepare({ primary }) {
    await primary.kill('SIGTERM')
    await primary.restart()
  },
})
