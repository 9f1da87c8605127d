// npm's bittorrent-tracker: npm_tracker.mjs NODE_MODULES PORT

const [modules, port] = process.argv.slice(2)
const { default: Server } = await import(`${modules}/bittorrent-tracker/server.js`)
const server = new Server({ http: true, udp: true, ws: false, stats: false, trustProxy: false })
server.on('warning', () => {})
server.on('error', error => { throw error })
server.listen(Number(port), { http: '127.0.0.1', udp4: '127.0.0.1', udp6: '::1' })
