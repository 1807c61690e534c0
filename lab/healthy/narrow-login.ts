import { oddity } from '../healthy.ts'

// Everything but CONFIG: what it would show is not known, and that is no fault of the server.
export default oddity({
  says: 'Respite logs in as a user who may not read the configuration.',
  login: { user: 'watcher', password: 'look only' },
  async prepare({ servers }) {
    const rights = ['on', '>look only', 'allkeys', 'allchannels', '+@all', '-config']
    await Promise.all(servers.map((server) => server.cli('ACL', 'SETUSER', 'watcher', ...rights)))
  },
})
